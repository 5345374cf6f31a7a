"""The mean features of a model's photos by one fixed network, by which sets of photos are compared.

Each delivered model keeps those of the photos that it learnt from. By them P2L tells which of several earlier models
has learnt from photos that are most like new ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.forms import BLOCK, FeatureTable
from vm_worker.learn.networks.catalogue import COMMON
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.select import p2l

SAMPLE = 64  # photos that the mean is taken of, where they must be sent through the network for it alone


@dataclass(frozen=True, eq=False)
class MeanFeatures:
    """The mean features of a set of photos."""

    network: str  # the key of the network
    mean: Floats  # (d,)
    photos: int  # in the set; the mean may be of some of them

    def save(self, path: Path) -> None:
        """Write them to an .npz file."""
        np.savez_compressed(path, network=self.network, mean=self.mean.astype(np.float32), photos=self.photos)

    @classmethod
    def load(cls, path: Path) -> MeanFeatures:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(str(data["network"]), data["mean"], int(data["photos"]))

    def comparable(self, other: MeanFeatures) -> bool:
        """Return whether both are by the same network."""
        return self.network == other.network and self.mean.shape == other.mean.shape

    def score(self, new: MeanFeatures) -> tuple[float, float]:
        """Return how similar the photos are to new ones, 0..1, and how well their model suits the new ones.

        That is P2L, but with the logarithm of the number: sets of other kinds are 0.15 to 0.55 similar and those of the
        same kind 0.95 or more, so that times the number itself a large set of anything would be preferred.
        """
        alike = p2l.similarity(self.mean, new.mean)
        return alike, alike * math.log10(1 + self.photos)


def of_table(table: FeatureTable, photos: int) -> MeanFeatures:
    """Return those of a candidate's features, which must be of `COMMON`; it may have those of some photos alone."""
    rows = table.everything
    blocks = (table.taken(rows[at : at + BLOCK], slice(table.last)) for at in range(0, len(rows), BLOCK))
    total = np.sum([block.sum(axis=0, dtype=np.float64) for block in blocks], axis=0)
    return MeanFeatures(COMMON, (total / len(rows)).astype(np.float32), photos)


def of_photos(weight: WeightFile, pixels: Pixels, rows: Rows | Sequence[int]) -> MeanFeatures:
    """Send a sample of some rows (m,) of the pixels (n, s, s, 3) through the network; s is its side."""
    from vm_worker.learn.features import engines, extraction
    from vm_worker.learn.networks import build

    every: NDArray[np.int64] = np.asarray(rows, np.int64)
    some = every[np.unique(np.linspace(0, len(every) - 1, SAMPLE).astype(np.int64))]
    engine = engines.by_keras(build.extractor(COMMON, weight))
    features = extraction.in_memory(engine, extraction.Source(pixels, some))
    return MeanFeatures(COMMON, features.mean(axis=0, dtype=np.float64).astype(np.float32), len(every))
