"""Activations at the cut of a network, computed once for a few views of each image and kept in half precision.

The layers below the cut are frozen, so a trial that trains the layers above it needs nothing but these activations.
Where they would take too much time or disk, views are made and sent through the frozen part while the trial runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.memory_maps import created, give_back, taken
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.extraction import BATCH, Source, halved
from vm_worker.learn.features.views import Viewing, random_views

Forward = Callable[[Floats], Floats]  # (BATCH, s, s, 3) pixels -> (BATCH, numbers)


Offsets = Callable[[Floats], Floats]  # (m, columns) features of all depths -> (m, heads, k) logits


@dataclass(frozen=True)
class Passed:
    """What the frozen part of a network says of some pictures."""

    activations: Floats  # (m, ...) at the cut
    features: Floats  # (m, d) pooled
    offsets: Floats | None  # (m, heads, k): logits of heads on other depths; None: there are none


@dataclass(frozen=True)
class FrozenPart:
    """The frozen part of a network: for each picture a row of flattened activations, then its pooled features.

    Where there are heads on other depths, the averages of these follow: the heads' logits are computed from them.
    """

    run: Forward
    shape: tuple[int, ...]  # of one picture's activations
    features: int = 0  # length of the pooled features; 0: none
    offsets: Offsets | None = None  # of all columns behind the activations

    def split(self, out: Floats) -> Passed:
        """Split the output of `run` by what it says."""
        cut = int(np.prod(self.shape))
        values, columns = out[:, :cut].reshape(-1, *self.shape), out[:, cut:]
        return Passed(values, columns[:, : self.features], self.offsets(columns) if self.offsets else None)


@dataclass(frozen=True)
class TailBatch:
    """What the trained part of a network is given of some pictures."""

    activations: Floats  # (m, ...) at the cut
    offsets: Floats | None = None  # (m, heads, k), as in `Passed`


class TailInputs(Protocol):
    """The activations that a trial learns from, of several views of each row; view 0 is the unchanged picture."""

    @property
    def views(self) -> int:
        """The number of views of each image."""
        ...

    def batch(self, views: Rows | int, positions: Rows) -> TailBatch:
        """Return what belongs to one view of each position (m,); `views` is (m,) or the same for all."""
        ...


@dataclass(frozen=True)
class ActivationCache:
    """Activations that were computed before, in memory maps."""

    values: NDArray[np.float16]  # (views, rows, ...)
    features: Floats  # (views, rows, d): the pretrained network's pooled features
    offsets: Floats | None = None  # (views, rows, heads, k), as in `Passed`

    @property
    def views(self) -> int:
        """The number of views of each image."""
        return len(self.values)

    def batch(self, views: Rows | int, positions: Rows) -> TailBatch:
        """Return what belongs to one view of each position (m,); `views` is (m,) or the same for all."""
        values = np.asarray(taken(self.values, (views, positions)), np.float32)
        return TailBatch(values, None if self.offsets is None else self.offsets[views, positions])


class LiveActivations:
    """Activations of the unchanged pictures from a cache, and of every other view made anew at each call."""

    def __init__(self, plain: ActivationCache, frozen: FrozenPart, source: Source, viewing: Viewing) -> None:
        self._plain, self._frozen, self._source, self._viewing = plain, frozen, source, viewing
        self._random = np.random.default_rng(viewing.seed)

    @property
    def views(self) -> int:
        """The number of views of each image, as was asked for."""
        return self._viewing.views

    def batch(self, views: Rows | int, positions: Rows) -> TailBatch:
        """Return what belongs to a fresh view of each position; to the plain view where `views` is 0."""
        if isinstance(views, int) and views == 0:
            return self._plain.batch(0, positions)
        parts = [self._fresh(positions[at : at + BATCH]) for at in range(0, len(positions), BATCH)]
        offsets = [part.offsets for part in parts if part.offsets is not None]
        values = np.concatenate([part.activations for part in parts])
        return TailBatch(values, np.concatenate(offsets) if offsets else None)

    def _fresh(self, positions: Rows) -> Passed:
        images = padded(self._source, positions)
        out = self._frozen.run(random_views(images, self._viewing.mirror, self._random))
        return self._frozen.split(out[: len(positions)])


class OutOfTime(Exception):
    """The budget ended before the work was complete."""


@dataclass(frozen=True)
class Filling:
    """The file that activations are written to, the time they may take, and a listener for progress."""

    path: Path
    budget: Budget
    tell: Callable[[float], None]  # part done, 0..1


def fill(frozen: FrozenPart, source: Source, viewing: Viewing, filling: Filling) -> ActivationCache:
    """Compute the activations of every view of every row, in memory maps.

    Raises OutOfTime where the budget ends first, and OSError for a full disk.
    """
    count = len(source.rows)
    values = _unnamed(filling.path, np.float16, (viewing.views, count, *frozen.shape))
    features = _unnamed(filling.path, np.float32, (viewing.views, count, frozen.features))
    offsets: list[list[Floats]] = [[] for _ in range(viewing.views)]
    for done, (view, start, images) in enumerate(_batches(source, viewing), start=1):
        if filling.budget.over():
            raise OutOfTime
        found = frozen.split(frozen.run(images)[: min(BATCH, count - start)])
        values[view, start : start + len(found.features)] = halved(found.activations)
        features[view, start : start + len(found.features)] = found.features
        if found.offsets is not None:
            offsets[view].append(found.offsets)
        give_back(values)
        give_back(features)
        filling.tell(min(1.0, done * BATCH / (viewing.views * count)))
    joined = np.stack([np.concatenate(one) for one in offsets]) if frozen.offsets else None
    return ActivationCache(values, features, joined)


def _unnamed(path: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Create a memory map whose file has no name: its disk space is freed when the process ends, even by a kill."""
    values = created(path, dtype, shape)
    path.unlink()
    return values


def _batches(source: Source, viewing: Viewing) -> Iterator[tuple[int, int, Floats]]:
    """Yield the view, the first position and (BATCH, s, s, 3) pixels; a view's last batch is padded."""
    random = np.random.default_rng(viewing.seed)
    for view in range(viewing.views):
        for start in range(0, len(source.rows), BATCH):
            images = padded(source, np.arange(start, min(start + BATCH, len(source.rows))))
            yield view, start, random_views(images, viewing.mirror, random) if view else images


def padded(source: Source, positions: Rows) -> Floats:
    """Return the pictures at these positions, padded with zeros to BATCH: (BATCH, s, s, 3), so one graph suffices."""
    images = np.zeros((BATCH, *source.pixels.shape[1:]), np.float32)
    images[: len(positions)] = taken(source.pixels, source.rows[positions])
    return images
