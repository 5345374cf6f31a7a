"""Small networks that are trained from scratch: for pictures unlike ImageNet's, and for small devices.

They are the four networks of Apeinans and Zukovs (2020) at any width: AlexNet (Krizhevsky et al., NIPS 2012, section
3.5), AlexNet with separable convolutions, MobileNetV1 (Howard et al., 2017, table 1) and MobileNetV2 (Sandler et al.,
CVPR 2018, table 2). They are made for 64 pixels: AlexNet's first layer has half the stride, and batch normalisation
follows every convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from vm_worker.learn.networks import small_rows
from vm_worker.learn.networks.catalogue import OUTPUT, POOL
from vm_worker.learn.networks.small_rows import SIZE, TITLES

__all__ = ["NETWORKS", "SIZE", "TITLES", "WIDTHS", "Shape", "built"]

MOMENTUM = 0.9  # of batch normalisation's averages: there may be only a few hundred steps
WIDTHS = tuple(small_rows.WIDTHS)

# (filters, kernel, pooled after it)
_ALEXNET = ((96, 11, True), (256, 5, True), (384, 3, False), (384, 3, False), (256, 3, True))
_ALEXNET_DENSE = 4096  # units of each of the two dense layers
# (filters, stride) of each separable block
_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
# (expansion, filters, repeats, stride) of each row of table 2
_V2 = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_V2_LAST = 1280


@dataclass(frozen=True)
class Shape:
    """The number of classes, the width and the input size that a network is built for."""

    classes: int
    width: float = 1.0  # share of the paper's own number of filters
    size: int = SIZE  # pixels a side


def alexnet(shape: Shape) -> keras.Model:
    """Build AlexNet: five convolutions and two dense layers."""
    return _alexnet("alexnet", shape, layers.Conv2D)


def alexnet_separable(shape: Shape) -> keras.Model:
    """Build AlexNet with a separable convolution in the place of each convolution."""
    return _alexnet("alexnet_separable", shape, layers.SeparableConv2D)


def mobilenet_v1(shape: Shape) -> keras.Model:
    """Build MobileNetV1 of separable blocks: a depthwise convolution of 3 x 3, then one of 1 x 1."""
    image, maps = _begun(shape)
    maps = _normal(layers.Conv2D(_wide(32, shape), 3, 2, "same", use_bias=False)(maps))
    for filters, stride in _V1:
        maps = _normal(layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(maps))
        maps = _normal(layers.Conv2D(_wide(filters, shape), 1, use_bias=False)(maps))
    return _ended("mobilenet_v1", image, layers.GlobalAveragePooling2D(name=POOL)(maps), shape)


def mobilenet_v2(shape: Shape) -> keras.Model:
    """Build MobileNetV2 of inverted residual blocks: narrow, widened inside, narrow again."""
    image, maps = _begun(shape)
    maps = _normal(layers.Conv2D(_wide(32, shape), 3, 2, "same", use_bias=False)(maps))
    for expansion, filters, repeats, stride in _V2:
        for number in range(repeats):
            maps = _inverted(maps, expansion, _wide(filters, shape), stride if number == 0 else 1)
    maps = _normal(layers.Conv2D(_wide(_V2_LAST, shape), 1, use_bias=False)(maps))
    return _ended("mobilenet_v2", image, layers.GlobalAveragePooling2D(name=POOL)(maps), shape)


NETWORKS: Mapping[str, Callable[[Shape], keras.Model]] = {
    "alexnet": alexnet,
    "alexnet_separable": alexnet_separable,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
}


def built(key: str, classes: int = 2) -> tuple[keras.Model, keras.Model]:
    """Build the network of a key of small_rows.py: whole, and without its last layer. Both share their weights.

    The whole takes raw RGB (None, 64, 64, 3) in 0..255 and gives probabilities (None, classes). Raises KeyError.
    """
    network, width = small_rows.BUILDS[key]
    whole = NETWORKS[network](Shape(classes, width))
    return whole, keras.Model(whole.input, whole.layers[-1].input, name=key)


def _alexnet(name: str, shape: Shape, convolution: Callable[..., Any]) -> keras.Model:
    image, maps = _begun(shape)
    for number, (filters, kernel, pooled) in enumerate(_ALEXNET):
        stride = 2 if number == 0 else 1
        maps = _normal(convolution(_wide(filters, shape), kernel, strides=stride, padding="same", use_bias=False)(maps))
        maps = layers.MaxPooling2D(3, 2, "same")(maps) if pooled else maps
    flat = layers.Flatten()(maps)
    for _ in range(2):
        flat = layers.Dropout(0.5)(layers.Dense(_wide(_ALEXNET_DENSE, shape), activation="relu")(flat))
    return _ended(name, image, flat, shape)


def _inverted(maps: Any, expansion: int, filters: int, stride: int) -> Any:
    before = maps.shape[-1]
    inside = maps if expansion == 1 else _normal(layers.Conv2D(expansion * before, 1, use_bias=False)(maps))
    inside = _normal(layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(inside))
    inside = _standardised(layers.Conv2D(filters, 1, use_bias=False)(inside))
    return layers.Add()([maps, inside]) if stride == 1 and before == filters else inside


def _begun(shape: Shape) -> tuple[Any, Any]:
    image = keras.Input((shape.size, shape.size, 3), name="image")
    return image, layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(image)


def _ended(name: str, image: Any, features: Any, shape: Shape) -> keras.Model:
    top = layers.Dense(shape.classes, activation="softmax", dtype="float32", name=OUTPUT)
    return keras.Model(image, top(features), name=name)


def _normal(maps: Any) -> Any:
    return layers.ReLU(6.0)(_standardised(maps))


def _standardised(maps: Any) -> Any:
    return layers.BatchNormalization(momentum=MOMENTUM)(maps)


def _wide(filters: int, shape: Shape) -> int:
    return max(4, round(filters * shape.width))
