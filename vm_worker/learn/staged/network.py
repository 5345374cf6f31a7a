"""A network that learns in stages: its numbered layers, which of them stay frozen, and where it can be cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import OUTPUT
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.staged import alexnet_48

PREPROCESSING = "preprocessing"  # may be a layer with weights, which no stage ever trains


@dataclass(frozen=True, eq=False)
class NumberedLayer:
    """A layer with weights as a plan names it, by name or by number from 1; its normalisation belongs to it."""

    number: int
    layer: Any
    norms: list[Any] = field(default_factory=list)  # the batch normalisations that follow it alone

    @property
    def name(self) -> str:
        """The name of the layer."""
        return str(self.layer.name)

    @property
    def parameters(self) -> int:
        """The number of its parameters, with those of its normalisation."""
        return int(sum(one.count_params() for one in (self.layer, *self.norms)))


class UnknownLayer(Exception):
    """A plan names a layer that the network does not have."""

    def __init__(self, given: str | int, known: Sequence[NumberedLayer]) -> None:
        """`known` are the layers below the last one, which alone can be frozen."""
        super().__init__(f"there is no layer {given}")
        self.given, self.known = given, known


class StagedNetwork:
    """A network below a last layer: raw RGB (None, s, s, 3) float32 in 0..255 -> probabilities (None, k) float32."""

    def __init__(self, below: keras.Model, classes: int) -> None:
        """`below` ends with the last layer's input (None, d)."""
        self.below = below
        self.head = layers.Dense(classes, activation="softmax", dtype="float32", name=OUTPUT)
        self.model = keras.Model(below.input, self.head(below.output), name=below.name)
        self.layers = tuple(_numbered(below))

    def frozen(self, named: Sequence[str | int], up_to: str | int | None) -> tuple[NumberedLayer, ...]:
        """Return the layers of a stage's `frozen` key. Raises UnknownLayer; the head is no layer that can be frozen."""
        if up_to is None:
            chosen = {self._find(one).number for one in named}
            return tuple(one for one in self.layers if one.number in chosen)
        last = len(self.layers) if up_to == "all" else self._find(up_to).number
        return self.layers[:last]

    def freeze(self, frozen: Sequence[NumberedLayer]) -> None:
        """Let only the other layers learn. A frozen normalisation keeps its averages, too."""
        numbers = {one.number for one in frozen}
        for one in self.layers:
            for layer in (one.layer, *one.norms):
                layer.trainable = one.number not in numbers

    def cut(self) -> Any | None:
        """Return the output of the longest beginning that is frozen and that all else depends on through it alone.

        None: the beginning is not frozen, or the network has no such place.
        """
        beginning = []
        for layer in self.below.layers:
            if layer.weights and layer.trainable and layer.name != PREPROCESSING:
                break
            beginning.append(layer)
        if not any(layer.weights and layer.name != PREPROCESSING for layer in beginning):
            return None
        for layer in reversed(beginning):
            try:
                keras.Model(layer.output, self.model.output)
            except ValueError:  # another path leads around this layer
                continue
            return layer.output
        return None

    def save(self, path: Path) -> None:
        """Write all weights as plain arrays."""
        values = [*self.below.get_weights(), *self.head.get_weights()]
        with path.open("wb") as file:
            np.savez(file, *values)

    def load(self, path: Path, new_head: bool) -> None:
        """Take over the weights of the stage before; the head's only where it is not new."""
        count = len(self.below.weights)
        with np.load(path, allow_pickle=False) as saved:
            values = [saved[f"arr_{number}"] for number in range(len(saved.files))]
        self.below.set_weights(values[:count])
        if not new_head:
            self.head.set_weights(values[count:])

    def _find(self, given: str | int) -> NumberedLayer:
        found = next((one for one in self.layers if given in (one.name, one.number)), None)
        if found is None:
            raise UnknownLayer(given, self.layers)
        return found


def built(key: str, size: int, classes: int, weight: WeightFile | None = None) -> StagedNetwork:
    """Build the network of this key for pictures of this side; its weights are random where `weight` is None.

    Raises KeyError for a key that is neither alexnet_48 nor one of the catalogue.
    """
    if key == alexnet_48.KEY:
        image = keras.Input((size, size, 3), name="image")
        return StagedNetwork(keras.Model(image, alexnet_48.features(image), name=key), classes)
    return StagedNetwork(build.extractor(key, weight, (size, size)), classes)


def _numbered(below: keras.Model) -> Iterator[NumberedLayer]:
    """Yield the layers with weights in the order of the network, each with its normalisations."""
    rows: dict[str, NumberedLayer] = {}
    for layer in below.layers:
        if not layer.weights or layer.name == PREPROCESSING:
            continue
        owner = _owner(layer) if isinstance(layer, layers.BatchNormalization) else None
        if owner in rows:
            rows[owner].norms.append(layer)
        else:
            rows[layer.name] = NumberedLayer(len(rows) + 1, layer)
    yield from rows.values()


def _owner(norm: Any) -> str | None:
    """Return the name of the layer whose output alone a normalisation takes, or None behind a sum or a join."""
    tensor = norm.input
    while not isinstance(tensor, list):
        layer = tensor._keras_history.operation
        if isinstance(layer, layers.InputLayer):
            return None
        if layer.weights and not isinstance(layer, layers.BatchNormalization):
            return str(layer.name)
        tensor = layer.input
    return None
