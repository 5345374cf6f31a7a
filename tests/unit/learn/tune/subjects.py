"""The networks that tuning is tested on: a tiny one in the fast suite, EfficientNet-Lite0 in the slow one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.integration.tiny_network import KEY, ROW, save_weights
from tests.unit.learn.colours import colours
from tests.unit.learn.photos import textures, weight
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile

BOTH = ("tiny", pytest.param("efficientnet_lite0", marks=pytest.mark.slow))


@dataclass(frozen=True)
class Subject:
    """A network, photos that it can learn, and the cuts to try."""

    weight: WeightFile
    photos: LabelledPhotos
    cut: str
    lower: str  # cut further down
    apart: float  # standard deviation of a random head that tells the photos apart

    @property
    def size(self) -> int:
        return CATALOGUE[self.weight.key].size

    @property
    def features(self) -> int:
        return CATALOGUE[self.weight.key].features

    def head(self, deviation: float = 0.0, strength: float = 0.01, epochs: int = 4) -> Head:
        """Return a head that nobody has trained; its strength and epochs are those of the heads fitted after it."""
        kernel = np.random.default_rng(0).normal(0, deviation, (self.features, 3)).astype(np.float32)
        ones = np.ones(self.features, np.float32)
        return Head(np.zeros_like(ones), ones, kernel, np.zeros(3, np.float32), strength=strength, epochs=epochs)


def subject(name: str, folder: Path) -> Iterator[Subject]:
    """Make the photos and weights of a network; the catalogue has the tiny one for as long as it is used."""
    if name != "tiny":
        yield Subject(
            weight(name), textures(folder, (224,), each=20), "block6b_expand_conv", "block6a_expand_conv", 0.1
        )
        return
    file = save_weights(folder / "weights") / f"{KEY}.weights.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CATALOGUE, KEY, ROW)
        yield Subject(WeightFile(KEY, file, KERAS_H5), colours(folder, ROW.size), "upper", "lower", 10.0)
