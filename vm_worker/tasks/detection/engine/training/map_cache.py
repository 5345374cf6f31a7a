"""The maps of a frozen network for all views of all frames, computed once and kept in half precision on disk.

A run that was killed goes on where it stopped: each batch is noted once it is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels
from vm_worker.intake.memory_maps import created, give_back, taken
from vm_worker.learn.arrays import Floats
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import OutOfTime
from vm_worker.learn.features.extraction import HALF_MAX
from vm_worker.tasks.detection.boxes import Indices
from vm_worker.tasks.detection.engine.sides import Sides
from vm_worker.tasks.detection.engine.training.views import View, seen

BATCH = 8  # pictures that go through the network at a time
LEAST = 48  # rows that a training needs
VALUES, STATE = "maps.npy", "maps.json"

Run = Callable[[Pixels], Floats]  # (m, height, width, 3) uint8, m at most BATCH -> (m, numbers), all maps flattened
Shapes = tuple[tuple[int, ...], ...]  # of the maps of one picture


@dataclass(frozen=True, eq=False)
class MapCache:
    """The maps of the first pictures, in rows [view * frames + frame]."""

    values: NDArray[np.float16]  # (n, numbers)
    shapes: Shapes
    rows: int  # the first ones, which are computed

    def batch(self, rows: Indices) -> list[Floats]:
        """Return the maps of these rows (m,): one array (m, h, w, c) float32 a level."""
        return split(np.asarray(taken(self.values, rows), np.float32), self.shapes)


@dataclass(frozen=True, eq=False)
class FinestMaps:
    """The finest maps of a cache alone, from which the network above computes the others."""

    cache: MapCache

    def batch(self, rows: Indices) -> list[Floats]:
        """Return the finest maps of these rows (m,): one array (m, h, w, c) float32."""
        shape = self.cache.shapes[0]
        numbers = taken(self.cache.values, (rows, slice(0, int(np.prod(shape)))))
        return [np.asarray(numbers, np.float32).reshape(-1, *shape)]


def split(numbers: Floats, shapes: Shapes) -> list[Floats]:
    """Cut flattened maps (m, numbers) into arrays (m, h, w, c), one a level."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = np.split(numbers, ends, axis=1)
    return [part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The views to compute, in the order of the rows."""

    read: Callable[[], NDArray[np.uint8]]  # the frames, (n, h, w, 3), usually a memory map; read when they are needed
    views: Sequence[Sequence[View]]  # [view][frame]
    sides: Sides  # of the views

    @cached_property
    def frames(self) -> NDArray[np.uint8]:
        """The frames' pixels, (n, h, w, 3)."""
        return self.read()

    def __len__(self) -> int:
        return sum(map(len, self.views))

    def batch(self, start: int) -> Pixels:
        """Return the views from row `start` on, at most BATCH: (m, height, width, 3) uint8."""
        rows = [divmod(row, len(self.views[0])) for row in range(start, min(start + BATCH, len(self)))]
        pixels = np.stack([seen(self.frames[frame], self.views[view][frame], self.sides) for view, frame in rows])
        give_back(self.frames)
        return pixels


@dataclass(frozen=True)
class Filling:
    """Where the maps go, for what, by when, and who hears of the progress."""

    folder: Path
    digest: str  # of all that the maps depend on: maps of another digest are thrown away
    budget: Budget
    tell: Callable[[float], None]  # part done, 0..1
    soft: Budget | None = None  # the end of this one leaves the other rows out, if LEAST are done; None: all are needed


def fill(runner: Callable[[], Run], pictures: Pictures, shapes: Shapes, filling: Filling) -> MapCache:
    """Compute the maps that the folder does not hold yet. Neither network nor pictures are loaded where it holds all.

    Raises OutOfTime where the budget ends before all that is needed is done, and OSError for a full disk.
    """
    filling.folder.mkdir(parents=True, exist_ok=True)
    numbers = sum(int(np.prod(shape)) for shape in shapes)
    values, done = _begun(filling, (len(pictures), numbers))
    starts = range(done, len(pictures), BATCH)
    run = runner() if starts else None
    for start, pixels in zip(starts, _ahead(pictures, starts), strict=True):
        if filling.soft and filling.soft.over() and start >= LEAST:
            return MapCache(values, shapes, start)
        if filling.budget.over():
            raise OutOfTime
        assert run is not None  # noqa: S101  (as there are rows to compute)
        maps = run(pixels)
        values[start : start + len(maps)] = np.clip(maps, -HALF_MAX, HALF_MAX)
        give_back(values)
        _note(filling, start + len(maps))
        filling.tell((start + len(maps)) / len(pictures))
    return MapCache(values, shapes, len(pictures))


def _begun(filling: Filling, shape: tuple[int, int]) -> tuple[NDArray[np.float16], int]:
    """Open the maps of an earlier run, and return how many rows are done; else make room for new ones."""
    path, state = filling.folder / VALUES, filling.folder / STATE
    try:
        known = json.loads(state.read_text(encoding="utf-8"))
        values = np.load(path, mmap_mode="r+", allow_pickle=False)
        if known["digest"] == filling.digest and values.shape == shape and values.dtype == np.float16:
            return values, int(known["done"])
    except (OSError, ValueError, KeyError):
        pass
    state.unlink(missing_ok=True)
    return created(path, np.float16, shape), 0


def _note(filling: Filling, done: int) -> None:
    with replacing(filling.folder / STATE) as part:
        part.write_text(json.dumps({"digest": filling.digest, "done": done}), encoding="utf-8")


def _ahead(pictures: Pictures, starts: range) -> Iterator[Pixels]:
    """Yield the batches; the next one is drawn while the network works on this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="views") as reader:
        coming = reader.submit(pictures.batch, starts[0]) if starts else None
        for start in [*starts[1:], None]:
            if coming is None:
                return
            ready = coming
            coming = reader.submit(pictures.batch, start) if start is not None else None
            yield ready.result()
