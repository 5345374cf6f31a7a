"""What reaches the unfrozen part of a network: computed once for a few views of each image, in half precision.

The layers below the cut never change, so a trial that trains the layers above needs no more than this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.budget import Budget
from vm_worker.learn.features import BATCH, Source

ZOOM = (0.8, 1.05)  # how much of the picture's side a view shows
SHIFT = 0.08  # of the side, either way
HALF_MAX = 65_504.0  # float16's largest number


@dataclass(frozen=True)
class Viewing:
    """Which views to make."""

    views: int  # the plain one included
    mirror: bool
    seed: int


@dataclass(frozen=True)
class Cache:
    """Activations of some views of some rows; view 0 is the picture as it is."""

    values: NDArray[np.float16]  # (views, rows, ...)

    @property
    def views(self) -> int:
        """How many views of each image there are."""
        return len(self.values)

    def batch(self, views: NDArray[np.int64] | int, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """One view of each position, or the same of all: (m, ...)."""
        return np.asarray(self.values[views, positions], np.float32)


class OutOfTime(Exception):
    """The budget ended before the work was complete."""


@dataclass(frozen=True)
class Filling:
    """Where the activations go, until when, and who hears of it."""

    path: Path
    budget: Budget
    tell: Callable[[float], None]  # part done, 0..1


def fill(stem: keras.Model, source: Source, viewing: Viewing, filling: Filling) -> Cache:
    """Every view of every row through the stem, into a memory map. Raises OutOfTime."""
    count = len(source.rows)
    values = np.lib.format.open_memmap(filling.path, "w+", np.float16, (viewing.views, count, *stem.output.shape[1:]))
    for done, (view, start, images) in enumerate(_batches(source, viewing), start=1):
        if filling.budget.over():
            raise OutOfTime
        length = min(BATCH, count - start)
        out = np.asarray(stem.predict_on_batch(images), np.float32)[:length]
        values[view, start : start + length] = np.clip(out, -HALF_MAX, HALF_MAX)
        filling.tell(min(1.0, done * BATCH / (viewing.views * count)))
    return Cache(values)


def _batches(source: Source, viewing: Viewing) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """View, first position and (BATCH, s, s, 3) pixels; the last batch of a view is filled up."""
    size = source.pixels.shape[1]
    random = np.random.default_rng(viewing.seed)
    for view in range(viewing.views):
        for start in range(0, len(source.rows), BATCH):
            rows = source.rows[start : start + BATCH]
            images = np.zeros((BATCH, *source.pixels.shape[1:]), np.float32)
            images[: len(rows)] = source.pixels[rows]
            yield view, start, _seen(images, transforms(size, viewing.mirror, random)) if view else images


def transforms(size: int, mirror: bool, random: np.random.Generator) -> NDArray[np.float32]:
    """Random windows, half of them mirrored: (BATCH, 8), from output to input pixels."""
    zoom = random.uniform(*ZOOM, BATCH)
    flip = np.where(random.random(BATCH) < 0.5, -1.0, 1.0) if mirror else np.ones(BATCH)
    centre = size / 2 + random.uniform(-SHIFT, SHIFT, (2, BATCH)) * size
    rows = np.zeros((BATCH, 8), np.float32)
    for column, scale, middle in ((0, zoom * flip, centre[0]), (4, zoom, centre[1])):
        rows[:, column] = scale
        rows[:, 2 if column == 0 else 5] = middle - scale * (size - 1) / 2
    return rows


def _seen(images: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(keras.ops.image.affine_transform(images, rows, fill_mode="reflect"), np.float32)
