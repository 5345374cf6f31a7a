"""Detectors as Keras models of built-in layers: a pretrained network, a feature pyramid and a head without anchors.

Every cell of three maps, of 8, 16 and 32 pixels, gives the probability of each class and the distances to the four
sides of the object around it (FCOS: Tian et al., ICCV 2019). The maps are joined from coarse to fine (feature
pyramid: Lin et al., CVPR 2017). Separable convolutions keep the head small. The convolutions of the towers are shared
by the levels, their normalisation is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from vm_worker.learn.networks import build
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.tasks.detection.engine.sides import STRIDES, Sides

CHANNELS = 96  # of the pyramid
DEPTH = 2  # convolutions of a tower
RARE = -4.6  # the first bias of the logits: a probability of 1 % (RetinaNet: Lin et al., ICCV 2017, section 4.1)
FIRST_DISTANCE = 2.0  # cells, about what a box's sides are from its points before training
SCORES, DISTANCES = "scores", "distances"  # names of the outputs
FINEST = "joined0"  # name of the layer with the pyramid's finest map
LINEAR_ENDS = ("_add", "_project_bn", "_project_BN")  # layers behind which an inverted residual block has no ReLU


@dataclass(frozen=True)
class Detector:
    """A detector's parts, which share their variables."""

    backbone: keras.Model  # image (None, h, w, 3) float32 0..255 -> the three maps
    upper: keras.Model  # the part of the backbone above the finest map: that map -> the two others
    head: keras.Model  # the three maps -> logits (None, points, classes) and distances (None, points, 4) in cells
    whole: keras.Model  # image -> scores (None, points, classes) 0..1 and distances, as they are delivered


Base = Callable[[Sides], keras.Model]  # builds the network below the pyramid: pictures (None, h, w, 3) -> anything


def pretrained(weight: WeightFile) -> Base:
    """Return what builds the network of these weights."""
    return lambda sides: build.extractor(weight.key, weight, (sides.height, sides.width))


def detector(base: Base, sides: Sides, classes: int, strides: Sequence[int] = STRIDES) -> Detector:
    """Build a detector with the levels of these strides. Its points are in the order of levels, rows, columns.

    Raises ValueError for a network without maps of the three strides.
    """
    backbone = _maps(base(sides), sides)
    head = _head([tuple(one.shape[1:]) for one in backbone.outputs], [STRIDES.index(one) for one in strides], classes)
    logits, distances = head(backbone.outputs)
    scores = layers.Activation("sigmoid", name=SCORES)(logits)
    # An activation without effect: it names the output.
    distances = layers.Activation("linear", name=DISTANCES)(distances)
    upper = keras.Model(backbone.outputs[0], backbone.outputs[1:], name="upper")
    return Detector(backbone, upper, head, keras.Model(backbone.input, [scores, distances], name="detector"))


def _maps(extractor: keras.Model, sides: Sides) -> keras.Model:
    """Cut a network at the last linear layer of each stride. Raises ValueError where one is missing."""
    wanted = dict.fromkeys(sides.cells())
    for linear in (False, True):  # linear ones are preferred: behind a ReLU half of what is known is lost
        for layer in extractor.layers:
            shape = tuple(getattr(layer.output, "shape", ()))
            if len(shape) == 4 and shape[1:3] in wanted and (not linear or layer.name.endswith(LINEAR_ENDS)):
                wanted[shape[1:3]] = layer.output
    if any(tensor is None for tensor in wanted.values()) or len(wanted) < len(STRIDES):
        raise ValueError(f"{extractor.name} has no maps of {STRIDES} pixels a cell")
    return keras.Model(extractor.input, list(wanted.values()), name="backbone")


def _head(shapes: list[tuple[int, ...]], used: list[int], classes: int) -> keras.Model:
    inputs = [keras.Input(shape, name=f"map{level}") for level, shape in enumerate(shapes)]
    levels = _pyramid(inputs, used)
    towers = [_tower(levels, name) for name in ("class", "box")]
    logits = layers.Conv2D(classes, 1, bias_initializer=keras.initializers.Constant(RARE), name="logit")
    sides = layers.Conv2D(4, 1, bias_initializer=keras.initializers.Constant(FIRST_DISTANCE), name="side")
    found = [layers.Reshape((-1, classes))(logits(one)) for one in towers[0]]
    boxes = [layers.Reshape((-1, 4))(_positive(sides(one))) for one in towers[1]]
    return keras.Model(inputs, [_joined(found, "logits"), _joined(boxes, "boxes")], name="head")


def _positive(x: Any) -> Any:
    """Return softplus(x) as relu(x) + softplus(-|x|). No exponential grows: neither float32 nor integers overflow.

    In integer models log(1 + exp(x)) of a large x leaves no steps for small distances.
    """
    above, below = layers.ReLU()(x), layers.ReLU()(layers.Rescaling(-1.0)(x))
    away = layers.Rescaling(-1.0)(layers.Add()([above, below]))
    return layers.Add()([above, layers.Activation("softplus")(away)])


def _joined(parts: list[Any], name: str) -> Any:
    return layers.Concatenate(axis=1, name=name)(parts) if len(parts) > 1 else parts[0]


def _pyramid(maps: list[Any], used: list[int]) -> list[Any]:
    # Each map is normalised first: their scales differ from level to level.
    lateral = [_normed(layers.Conv2D(CHANNELS, 1, use_bias=False, name=f"lateral{i}")(x)) for i, x in enumerate(maps)]
    joined = [lateral[-1]]
    for level, finer in reversed(list(enumerate(lateral[:-1]))):
        joined.insert(0, layers.Add(name=f"joined{level}")([finer, layers.UpSampling2D(2)(joined[0])]))
    return [layers.ReLU()(_normed(_separable(f"smooth{i}")(x))) for i, x in enumerate(joined) if i in used]


def _tower(levels: list[Any], name: str) -> list[Any]:
    for step in range(DEPTH):
        shared = _separable(f"{name}{step}")
        levels = [layers.ReLU()(_normed(shared(one))) for one in levels]
    return levels


def _separable(name: str) -> keras.Layer:
    return layers.SeparableConv2D(CHANNELS, 3, padding="same", use_bias=False, name=name)


def _normed(x: Any) -> Any:
    return layers.BatchNormalization(momentum=0.97)(x)
