"""Features of every depth of a network: its maps of low resolution, each averaged, beside its last features.

Features of all layers, the best of them chosen, suit photos unlike ImageNet's: Evci et al., "Head2Toe", ICML 2022.
The rule here is on shapes, so it holds for every network: each activation and each sum whose side is at most 1/SHARE
of the picture's, rounded up as padded convolutions round. Larger maps are costly to average and hardly ever chosen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.networks.catalogue import POOL

SHARE = 16  # times the side of a map: the picture's side at least
ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU)
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
DEPTHS = "depths"  # the name of the layer that joins all features
FLAT = "flat"  # the name of the layer that makes one row of standardised features


@dataclass(frozen=True)
class Depth:
    """A map of the network, and the columns that its average takes among the features of all depths."""

    layer: str  # its name; POOL for the last features
    start: int
    stop: int

    def holds_any(self, columns: Rows) -> bool:
        """Return whether one of these columns, ascending, belongs to this map."""
        return int(np.searchsorted(columns, self.stop)) > int(np.searchsorted(columns, self.start))


def depths(model: keras.Model) -> tuple[Depth, ...]:
    """Return the depths of an extractor (`build.extractor`): its last features first, then its maps."""
    widths = [(POOL, model.output.shape[-1]), *((name, tensor.shape[-1]) for name, tensor in _maps(model))]
    ends = np.cumsum([0, *(width for _, width in widths)]).tolist()
    return tuple(Depth(name, start, stop) for (name, _), start, stop in zip(widths, ends, ends[1:], strict=False))


def deepened(model: keras.Model, kept: Sequence[Depth] | None = None) -> keras.Model:
    """Extend an extractor to the features of these depths, or all: raw RGB (None, s, s, 3) -> (None, columns).

    The extractor's own features are the first columns. It is the extractor itself where it has no other depth. The
    new model shares its layers.
    """
    names = None if kept is None else {depth.layer for depth in kept}
    pools = [
        layers.GlobalAveragePooling2D(name=f"{name}_{POOL}")(tensor)
        for name, tensor in _maps(model)
        if names is None or name in names
    ]
    if not pools:
        return model
    return keras.Model(model.input, layers.Concatenate(name=DEPTHS)([model.output, *pools]), name=model.name)


def standardised(model: keras.Model, factor: Floats, shift: Floats) -> keras.Model:
    """Multiply each of a deepened network's features by its factor (columns,), and add its shift (columns,).

    In an integer model all features that are joined share one scale, so without this those of small values would have
    few steps left. A depthwise convolution on the one place that an average leaves has a scale for each channel.
    """
    layer = {one.name: one for one in model.layers}.get(DEPTHS)
    averages = [model.output] if layer is None else layer.input
    ends = np.cumsum([one.shape[-1] for one in averages])[:-1]
    scaled = []
    for number, (average, *values) in enumerate(
        zip(averages, *(np.split(values, ends) for values in (factor, shift)), strict=True)
    ):
        place = layers.Reshape((1, 1, average.shape[-1]), name=f"place_{number}")(average)
        scale = layers.DepthwiseConv2D(1, name=f"scale_{number}")
        scaled.append(scale(place))
        scale.set_weights([values[0].reshape(1, 1, -1, 1), values[1]])
    joined = scaled[0] if len(scaled) == 1 else layers.Concatenate(name=DEPTHS)(scaled)
    return keras.Model(model.input, layers.Flatten(name=FLAT)(joined), name=model.name)


def _maps(model: keras.Model) -> list[tuple[str, Any]]:
    """Return layer name and tensor of each map of low resolution; none for a network that averages no last map."""
    if not any(layer.name == POOL for layer in model.layers):
        return []
    last, side = model.get_layer(POOL).input, max(model.input.shape[1:3])
    outputs = [(layer.name, layer.output) for layer in model.layers if _counts(layer)]
    low = [(name, out) for name, out in outputs if out is not last and _is_low(out.shape, math.ceil(side / SHARE))]
    # Maps of a side that was rounded up come last: heads of earlier models were made without them, and know the
    # columns of the others by their places.
    return sorted(low, key=lambda row: not _is_low(row[1].shape, side // SHARE))


def _counts(layer: Any) -> bool:
    """Return whether the layer is an activation, a sum, or a convolution with an activation inside."""
    if isinstance(layer, CONVOLUTIONS):
        return layer.activation is not keras.activations.linear
    return isinstance(layer, (*ACTIVATIONS, layers.Add))


def _is_low(shape: tuple[int | None, ...], most: int) -> bool:
    """Return whether a tensor (None, h, w, c) is a map of at most this side; a single place is no map."""
    return len(shape) == 4 and all(side is not None and 1 < side <= most for side in shape[1:3])
