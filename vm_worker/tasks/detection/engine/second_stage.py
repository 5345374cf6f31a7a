"""The second stage of Mask R-CNN (He et al., ICCV 2017) on a detector without anchors, of built-in layers alone.

The first stage's boxes are the proposals; each gets its score, its sides and an outline from the finest map of the
pyramid. A file in HDF5 holds layers, but no operations such as top-k and gather. So what these do is done by layers
with fixed weights: the best points are sorted by how many others are better, and taken by a product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.decode import UNIT
from vm_worker.tasks.detection.engine.network import FINEST, SCORES, Detector
from vm_worker.tasks.detection.engine.sides import STRIDES, Sides, points

CELLS, MARGIN = 7, 1  # samples of a box along each side, and those around it
SIDE = CELLS + 2 * MARGIN
MASK = 28  # cells of an outline's mask along each side
WIDE, FLAT = 64, 128  # channels of the map that is sampled, and numbers that a box's answer is made of
STEEP = 1e4  # factor by which a difference becomes 0 or 1
REACH = 2  # cells of the finer levels, of whose square one box at most is proposed


@dataclass(frozen=True)
class Boxed:
    """The parts of the second stage, which share their variables. Boxes are shares of the input's longer side."""

    stem: keras.Model  # the three maps -> finest map of the pyramid, scores (n, classes) and boxes (n, 4) of proposals
    heads: keras.Model  # finest map, boxes -> logits (n, classes), changes (n, 4), logits of masks (n, MASK * MASK)
    post: keras.Model  # the outputs of the stem -> scores, sides in UNITs, masks 0..1
    whole: keras.Model  # picture -> the outputs of `post`


@dataclass(frozen=True)
class Wanted:
    """What a second stage is built for."""

    sides: Sides
    strides: tuple[int, ...]  # of the levels of the first stage
    classes: int
    rois: int  # boxes that are proposed
    masks: bool


def second_stage(first: Detector, wanted: Wanted) -> Boxed:
    """Build a second stage on a first one. Its heads are not trained yet."""
    stem = _stem(first, wanted)
    finest, scores, boxes = (keras.Input(one.shape[1:]) for one in stem.outputs)
    parts = _Heads(wanted)
    around = parts.around(finest)
    sampled = aligned(around, boxes, wanted)
    logits, changes = parts.judged(sampled)
    outputs = [logits, changes, *([parts.outlined(sampled)] if wanted.masks else [])]
    # The probability of an object, times that of its class (Zhou et al., "Probabilistic two-stage detection", 2021).
    sure = layers.Multiply(name=SCORES)([scores, layers.Activation("sigmoid")(logits)])
    better = layers.ReLU(1.0)(layers.Add()([boxes, layers.Multiply()([_sizes(boxes), changes])]))
    found = [sure, layers.Rescaling(UNIT, name="sides")(better)]
    if wanted.masks:
        masks = parts.outlined(aligned(around, better, wanted))
        found.append(layers.Activation("sigmoid", name="masks")(masks))
    post = keras.Model([finest, scores, boxes], found, name="post")
    whole = keras.Model(first.backbone.input, post(stem(first.backbone.outputs)), name="mask_rcnn")
    return Boxed(stem, keras.Model([finest, boxes], outputs, name="heads"), post, whole)


def _stem(first: Detector, wanted: Wanted) -> keras.Model:
    logits, distances = first.head.outputs
    scores, boxes = _proposals(layers.Activation("sigmoid")(logits), distances, wanted)
    return keras.Model(first.head.inputs, [first.head.get_layer(FINEST).output, scores, boxes], name="stem")


def _proposals(scores: Any, distances: Any, wanted: Wanted) -> tuple[Any, Any]:
    """Return the points that are better than those around them, the best first: scores and boxes."""
    longer = max(wanted.sides.height, wanted.sides.width)
    parts = []
    start = 0
    for stride, (rows, columns) in zip(wanted.strides, wanted.sides.cells(wanted.strides), strict=True):
        end = start + rows * columns
        total = int(scores.shape[1])
        level = [layers.Cropping1D((start, total - end))(one) for one in (scores, distances)]
        reach = layers.Rescaling(stride / longer)(level[1])
        parts.append(_peaks(level[0], reach, (rows, columns), stride))
        start = end
    columns_of = [
        layers.Concatenate(axis=1)(list(one)) if len(parts) > 1 else one[0] for one in zip(*parts, strict=True)
    ]
    best, sure, reach, places = columns_of
    chosen = _first(best, wanted.rois)
    sides = _fixed(4, np.diag([-1.0, -1, 1, 1]), layers.Dot((2, 1))([chosen, reach]))
    centres = np.concatenate([_centres(wanted.sides, stride) for stride in wanted.strides]) / longer
    middle = _fixed(4, centres[:, [0, 1, 0, 1]], chosen)
    moved = _fixed(4, np.array([[1, 0, 1, 0], [0, 1, 0, 1]]) / longer, layers.Dot((2, 1))([chosen, places]))
    return layers.Dot((2, 1))([chosen, sure]), layers.ReLU(1.0)(layers.Add()([middle, moved, sides]))


def _peaks(scores: Any, reach: Any, shape: tuple[int, int], stride: int) -> tuple[Any, Any, Any, Any]:
    """Return the best point of each square of points, as far as it is better than those around it.

    The results are (squares, ...): its score, its scores of the classes, its distances, and where it lies from the
    square's middle, in pixels. All are 0 where there is no such point.
    """
    step = _step(stride)
    classes = int(scores.shape[2])
    best = layers.Reshape((*shape, 1))(layers.MaxPooling1D(classes)(layers.Reshape((-1, 1))(scores)))
    around = layers.MaxPooling2D(3, 1, "same")(best)
    less = layers.Subtract()([around, best])
    peak = layers.ReLU(1.0)(layers.Rescaling(-STEEP, offset=1.0)(less))
    gathered = []
    for one, channels in ((best, 1), (scores, classes), (reach, 4)):
        kept = layers.Multiply()([layers.Reshape((*shape, channels))(one), peak])
        if step > 1:
            kept = layers.Rescaling(step * step)(layers.AveragePooling2D(step)(kept))
        gathered.append(layers.Reshape((-1, channels))(kept))
    away = (np.arange(step) + 0.5 - step / 2) * stride
    kernel = np.stack(np.broadcast_arrays(away[None, :], away[:, None]), -1)[:, :, None, :]
    place = layers.Conv2D(2, step, strides=step, use_bias=False, trainable=False)
    places = layers.Reshape((-1, 2))(place(peak))
    place.set_weights([kernel.astype(np.float32)])
    return gathered[0], gathered[1], gathered[2], places


def _step(stride: int) -> int:
    """Return how many points a square has along each side: all levels but the coarsest have even sides."""
    return REACH if stride < STRIDES[-1] else 1


def _centres(sides: Sides, stride: int) -> Floats:
    centres, _ = points(sides, (stride * _step(stride),))
    return centres


def _first(best: Any, count: int) -> Any:
    """Return a matrix (count, n) that takes the `count` highest of n numbers (n, 1), the highest first."""
    across = layers.Permute((2, 1))(best)
    ones = _fixed(1, np.zeros((1, 1)), best, np.ones(1))
    higher = layers.Subtract()(
        [layers.Dot((2, 1))([ones, across]), layers.Dot((2, 1))([best, layers.Permute((2, 1))(ones)])]
    )
    before = layers.ReLU(1.0)(layers.Rescaling(STEEP * STEEP)(higher))  # (n, n): whether the other is higher
    rank = _fixed(1, np.ones((int(best.shape[1]), 1)), before)
    away = _fixed(count, np.ones((1, count)), rank, -np.arange(count))
    return layers.Permute((2, 1))(_hat(away))


class _Heads:
    """The layers that are trained. They are shared by models, but no model of a file has two models that share any."""

    def __init__(self, wanted: Wanted) -> None:
        self._rois = wanted.rois
        self._smooth = layers.SeparableConv2D(WIDE, 3, padding="same", use_bias=False)
        self._normed = layers.BatchNormalization(momentum=0.97)
        self._flat = layers.Dense(FLAT, activation="relu")
        self._classes, self._changes = layers.Dense(wanted.classes), layers.Dense(4, kernel_initializer="zeros")
        self._drawn = [
            layers.Conv2D(WIDE, 3, padding="same", activation="relu"),
            layers.Conv2DTranspose(WIDE // 2, 2, strides=2, activation="relu"),
            layers.Conv2DTranspose(WIDE // 4, 2, strides=2, activation="relu"),
            layers.Conv2D(1, 1),
        ]

    def around(self, finest: Any) -> Any:
        """Return the map that is sampled."""
        return layers.ReLU()(self._normed(self._smooth(finest)))

    def judged(self, sampled: Any) -> tuple[Any, Any]:
        """Return logits (n, classes) and changes of sides (n, 4), as shares of width and height."""
        flat = self._flat(layers.Reshape((self._rois, SIDE * SIDE * WIDE))(sampled))
        return self._classes(flat), self._changes(flat)

    def outlined(self, sampled: Any) -> Any:
        """Return the logits of masks (n, MASK * MASK).

        The boxes' samples lie one below the other. Those of the margin are all that mixes at the seams.
        """
        x = layers.Reshape((self._rois * SIDE, SIDE, WIDE))(sampled)
        for layer in self._drawn:
            x = layer(x)
        x = layers.Reshape((self._rois, SIDE * 4, SIDE * 4))(x)
        x = layers.Cropping2D(4 * MARGIN, data_format="channels_first")(x)
        return layers.Reshape((self._rois, MASK * MASK))(x)


def aligned(finest: Any, boxes: Any, wanted: Wanted) -> Any:
    """Sample the map (rows, columns, channels) in boxes (n, 4) by bilinear interpolation: (samples, channels).

    That is RoIAlign (He et al., 2017) with one sample a cell; samples beyond the map are 0. The weights of rows times
    those of columns are one matrix, and its product with the map is the samples.
    """
    rows, columns, channels = (int(side) for side in finest.shape[1:])
    samples = wanted.rois * SIDE * SIDE
    down = layers.Reshape((samples, rows, 1))(_weights(boxes, 1, rows, wanted.sides))
    across = layers.Reshape((samples, 1, columns))(_weights(boxes, 0, columns, wanted.sides))
    both = layers.Reshape((samples, rows * columns))(layers.Multiply()([down, across]))
    return layers.Dot((2, 1))([both, layers.Reshape((rows * columns, channels))(finest)])


def _weights(boxes: Any, axis: int, cells: int, sides: Sides) -> Any:
    """Return the weights of a map's rows (axis 1) or columns (axis 0) for the samples of each box: (n, numbers)."""
    longer = max(sides.height, sides.width)
    part = (np.arange(SIDE) + 0.5 - MARGIN) / CELLS  # where the samples lie, as shares of the box
    part = np.repeat(part, SIDE) if axis else np.tile(part, SIDE)
    kernel = np.zeros((4, SIDE * SIDE, cells))
    kernel[axis], kernel[axis + 2] = (1 - part)[:, None], part[:, None]
    bias = np.tile(-0.5 - np.arange(cells), SIDE * SIDE)
    return _hat(_fixed(SIDE * SIDE * cells, kernel.reshape(4, -1) * longer / STRIDES[0], boxes, bias))


def _hat(x: Any) -> Any:
    """Return max(0, 1 - |x|)."""
    size = layers.Add()([layers.ReLU()(x), layers.ReLU()(layers.Rescaling(-1.0)(x))])
    return layers.ReLU()(layers.Rescaling(-1.0, offset=1.0)(size))


def _sizes(boxes: Any) -> Any:
    """Return width, height, width, height of boxes (n, 4)."""
    return _fixed(4, np.array([[-1.0, 0, -1, 0], [0, -1, 0, -1], [1, 0, 1, 0], [0, 1, 0, 1]]), boxes)


def _fixed(units: int, kernel: Floats | np.ndarray[Any, Any], x: Any, bias: np.ndarray[Any, Any] | None = None) -> Any:
    """Return x (n, m) times a matrix (m, units) that is not trained, plus a bias (units,)."""
    dense = layers.Dense(units, use_bias=bias is not None, trainable=False)
    made = dense(x)
    dense.set_weights([np.asarray(one, np.float32) for one in (kernel, bias) if one is not None])
    return made
