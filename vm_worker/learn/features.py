"""Each image once through the frozen network: the features that heads are trained on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.budget import Budget

BATCH = 32  # images; one shape, so one graph. Larger batches are no faster on a CPU and need more memory
SETTLED = 3 * BATCH  # images after which a measured speed is believed


@dataclass(frozen=True)
class Source:
    """Rows of a pixel map."""

    pixels: NDArray[np.uint8]  # (n, s, s, 3) uint8, usually a memory map
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Extracted:
    """Features in the order of the rows, and how fast they came."""

    features: NDArray[np.float32]  # (m, ...)
    speed: float  # images a second, without the tracing


class TooSlow(Exception):
    """The images do not go through this network within the budget."""

    def __init__(self, speed: float) -> None:
        super().__init__(f"{speed:.1f} images a second")
        self.speed = speed  # images a second


Progress = Callable[[int, float], None]  # images done, images a second


def extract(
    model: keras.Model, source: Source, budget: Budget, progress: Progress, least: int | None = None
) -> Extracted:
    """The model's output for each row, in the order of the rows: (m, ...) float32.

    Raises TooSlow as soon as the measured speed says that the budget does not suffice. With `least`
    it does not: it stops at the budget, but not before so many rows, and gives what is there.
    """
    total = len(source.rows)
    out = np.empty((total, *model.output.shape[1:]), np.float32)
    forward(model, source.pixels, source.rows[:1])  # traces the graph; not part of the speed
    started, done, speed = time.monotonic(), 0, 0.0
    while done < total:
        rows = source.rows[done : done + BATCH]
        out[done : done + len(rows)] = forward(model, source.pixels, rows)
        done += len(rows)
        speed = done / max(time.monotonic() - started, 1e-6)
        progress(done, speed)
        if least is not None and done >= least and budget.over():
            break
        if least is None and done >= SETTLED and (total - done) / speed > budget.remaining():
            raise TooSlow(speed)
    return Extracted(out[:done], speed)


def forward(model: keras.Model, pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """One batch of at most BATCH rows, filled up to BATCH so that the graph is never traced again."""
    batch = np.zeros((BATCH, *pixels.shape[1:]), np.float32)
    batch[: len(rows)] = pixels[rows]
    return np.asarray(model.predict_on_batch(batch), np.float32)[: len(rows)]
