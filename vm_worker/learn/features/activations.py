"""What reaches the unfrozen part of a network: computed once for a few views of each image, in half precision.

The layers below the cut never change, so a trial that trains the layers above needs no more than this.
Where that would take too much time or room, the views are made and sent through while the trial runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.mapped import created, give_back, taken
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.extraction import BATCH, Source
from vm_worker.learn.features.views import Viewing, seen

HALF_MAX = 65_504.0  # float16's largest number

Positions = NDArray[np.int64]
Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (BATCH, s, s, 3) pixels -> (BATCH, numbers)


@dataclass(frozen=True)
class Stem:
    """The frozen network: a row of flattened activations at the cut, then pooled features, for each picture."""

    run: Forward
    shape: tuple[int, ...]  # of one picture's activations
    features: int = 0  # pooled ones

    def split(self, out: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Activations (m, *shape) and features (m, d)."""
        cut = int(np.prod(self.shape))
        return out[:, :cut].reshape(-1, *self.shape), out[:, cut:]


class Inputs(Protocol):
    """What a trial learns from: activations of some views of some rows; view 0 is the picture as it is."""

    @property
    def views(self) -> int:
        """How many views of each image there are."""
        ...

    def batch(self, views: Positions | int, positions: Positions) -> NDArray[np.float32]:
        """One view of each position, or the same of all: (m, ...)."""
        ...


@dataclass(frozen=True)
class Cache:
    """Activations that were computed before."""

    values: NDArray[np.float16]  # (views, rows, ...)
    features: NDArray[np.float32]  # (views, rows, d): what the pretrained network makes of them

    @property
    def views(self) -> int:
        """How many views of each image there are."""
        return len(self.values)

    def batch(self, views: Positions | int, positions: Positions) -> NDArray[np.float32]:
        """One view of each position, or the same of all: (m, ...)."""
        return np.asarray(taken(self.values, (views, positions)), np.float32)


class Live:
    """The plain view from a cache; every other view is made anew each time it is asked for."""

    def __init__(self, plain: Cache, stem: Stem, source: Source, viewing: Viewing) -> None:
        self._plain, self._stem, self._source, self._viewing = plain, stem, source, viewing
        self._random = np.random.default_rng(viewing.seed)

    @property
    def views(self) -> int:
        """As many as were asked for."""
        return self._viewing.views

    def batch(self, views: Positions | int, positions: Positions) -> NDArray[np.float32]:
        """A fresh view of each position; where view 0 is meant for all, the plain one."""
        if isinstance(views, int) and views == 0:
            return self._plain.batch(0, positions)
        return np.concatenate([self._fresh(positions[at : at + BATCH]) for at in range(0, len(positions), BATCH)])

    def _fresh(self, positions: Positions) -> NDArray[np.float32]:
        images = filled(self._source, positions)
        out = self._stem.run(seen(images, self._viewing.mirror, self._random))
        return self._stem.split(out)[0][: len(positions)]


class OutOfTime(Exception):
    """The budget ended before the work was complete."""


@dataclass(frozen=True)
class Filling:
    """Where the activations go, until when, and who hears of it."""

    path: Path
    budget: Budget
    tell: Callable[[float], None]  # part done, 0..1


def fill(stem: Stem, source: Source, viewing: Viewing, filling: Filling) -> Cache:
    """Every view of every row through the stem, into memory maps. Raises OutOfTime, and OSError for a full disk."""
    count = len(source.rows)
    values = _unnamed(filling.path, np.float16, (viewing.views, count, *stem.shape))
    features = _unnamed(filling.path, np.float32, (viewing.views, count, stem.features))
    for done, (view, start, images) in enumerate(_batches(source, viewing), start=1):
        if filling.budget.over():
            raise OutOfTime
        out, pooled = stem.split(stem.run(images)[: min(BATCH, count - start)])
        values[view, start : start + len(out)] = np.clip(out, -HALF_MAX, HALF_MAX)
        features[view, start : start + len(out)] = pooled
        give_back(values)
        give_back(features)
        filling.tell(min(1.0, done * BATCH / (viewing.views * count)))
    return Cache(values, features)


def _unnamed(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """A memory map that is this process's alone; its room is free when the process ends, however that is."""
    values = created(path, dtype, shape)
    path.unlink()
    return values


def _batches(source: Source, viewing: Viewing) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """View, first position and (BATCH, s, s, 3) pixels; the last batch of a view is filled up."""
    random = np.random.default_rng(viewing.seed)
    for view in range(viewing.views):
        for start in range(0, len(source.rows), BATCH):
            images = filled(source, np.arange(start, min(start + BATCH, len(source.rows))))
            yield view, start, seen(images, viewing.mirror, random) if view else images


def filled(source: Source, positions: Positions) -> NDArray[np.float32]:
    """The pictures at these positions, filled up to BATCH: one shape, one graph."""
    images = np.zeros((BATCH, *source.pixels.shape[1:]), np.float32)
    images[: len(positions)] = taken(source.pixels, source.rows[positions])
    return images
