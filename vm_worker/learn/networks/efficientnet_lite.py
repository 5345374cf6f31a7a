"""The networks EfficientNet-Lite0, 1 and 2 in Keras, and their weights from a PyTorch state dict.

They are EfficientNet-B0, 1 and 2 (Tan and Le, ICML 2019) without squeeze-and-excitation, with ReLU6, and with the
first (32) and last (1280) convolution not scaled. Padding is TensorFlow's "same"; BatchNorm's epsilon is 1e-3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

EPSILON = 1e-3
STEM, HEAD, CLASSES = 32, 1280, 1000  # channels; ImageNet's classes


@dataclass(frozen=True)
class Scale:
    """The factors by which a network is wider and deeper than EfficientNet-Lite0."""

    width: float
    depth: float


@dataclass(frozen=True)
class Stage:
    """A row of equal blocks; only the first one has a stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


@dataclass(frozen=True)
class Block:
    """An inverted residual block (Sandler et al., CVPR 2018)."""

    name: str  # as block6a
    number: int  # its number in the checkpoint
    kernel: int
    stride: int
    expansion: int
    channels: int


SCALES: Mapping[str, Scale] = {
    "efficientnet_lite0": Scale(1.0, 1.0),
    "efficientnet_lite1": Scale(1.0, 1.1),
    "efficientnet_lite2": Scale(1.1, 1.2),
}
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def extend(key: str, x: Any) -> Any:
    """Put the convolutional part on a (None, s, s, 3) tensor of (x - 127) / 128: -> (None, s/32, s/32, 1280)."""
    x = layers.Conv2D(STEM, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = _norm(x, "stem_bn", relu=True)
    for block in blocks(SCALES[key]):
        x = _block(x, block)
    x = layers.Conv2D(HEAD, 1, use_bias=False, name="head_conv")(x)
    return _norm(x, "head_bn", relu=True)


def classifier(x: Any) -> Any:
    """Put ImageNet's own top layer on pooled features, for tests of the weights: (None, 1280) -> (None, 1000)."""
    return layers.Dense(CLASSES, activation="softmax", name="imagenet")(x)


def blocks(scale: Scale) -> Iterator[Block]:
    """Yield the blocks of a network of this scale, in order. The first and last stage are never repeated."""
    number = 0
    for index, stage in enumerate(STAGES):
        inner = 0 < index < len(STAGES) - 1
        for repeat in range(math.ceil(stage.repeats * scale.depth) if inner else stage.repeats):
            yield Block(
                name=f"block{index + 1}{chr(ord('a') + repeat)}",
                number=number,
                kernel=stage.kernel,
                stride=stage.stride if repeat == 0 else 1,
                expansion=stage.expansion,
                channels=rounded(stage.channels * scale.width),
            )
            number += 1


def rounded(channels: float) -> int:
    """Round to the nearest multiple of 8 that is not more than 10 % below."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _block(x: Any, block: Block) -> Any:
    before, channels = x, x.shape[-1]
    if block.expansion > 1:
        x = layers.Conv2D(channels * block.expansion, 1, use_bias=False, name=f"{block.name}_expand_conv")(x)
        x = _norm(x, f"{block.name}_expand_bn", relu=True)
    x = layers.DepthwiseConv2D(
        block.kernel, strides=block.stride, padding="same", use_bias=False, name=f"{block.name}_depthwise_conv"
    )(x)
    x = _norm(x, f"{block.name}_depthwise_bn", relu=True)
    x = layers.Conv2D(block.channels, 1, use_bias=False, name=f"{block.name}_project_conv")(x)
    x = _norm(x, f"{block.name}_project_bn", relu=False)
    if block.stride == 1 and channels == block.channels:
        x = layers.Add(name=f"{block.name}_add")([before, x])
    return x


def _norm(x: Any, name: str, *, relu: bool) -> Any:
    x = layers.BatchNormalization(epsilon=EPSILON, name=name)(x)
    return layers.ReLU(6.0, name=name.replace("_bn", "_relu"))(x) if relu else x


def load_state(model: keras.Model, key: str, state: Mapping[str, NDArray[Any]]) -> None:
    """Load a PyTorch state dict into a model that `extend` made. Raises KeyError or ValueError when they do not fit."""
    names = _names(key)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_arrays(layer, names[layer.name], state))


def _names(key: str) -> dict[str, str]:
    """Map each layer's name to its name in the checkpoint."""
    names = {"stem_conv": "_conv_stem", "stem_bn": "_bn0"}
    names |= {"head_conv": "_conv_head", "head_bn": "_bn1", "imagenet": "_fc"}
    for block in blocks(SCALES[key]):
        steps = ("expand", "depthwise", "project")
        # The first block does not expand, so its two norms keep the numbers 1 and 2.
        for number, step in enumerate(steps):
            names[f"{block.name}_{step}_conv"] = f"_blocks.{block.number}._{step}_conv"
            names[f"{block.name}_{step}_bn"] = f"_blocks.{block.number}._bn{number}"
    return names


def _arrays(layer: Any, name: str, state: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    if isinstance(layer, layers.BatchNormalization):
        return [state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    weight = state[f"{name}.weight"]
    if isinstance(layer, layers.Dense):
        return [weight.T, state[f"{name}.bias"]]
    # PyTorch keeps (out, in, h, w); Keras (h, w, in, out), and (h, w, channels, 1) for depthwise.
    order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [np.transpose(weight, order)]
