"""Send each image once through a frozen network, for the features that heads are trained on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.memory_maps import created, give_back, taken
from vm_worker.learn.arrays import Floats, Halves, Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.engines import BATCH as BATCH
from vm_worker.learn.features.engines import Engine, padded
from vm_worker.learn.features.views import windowed
from vm_worker.learn.networks.weights import WeightFile

HALF_MAX = 65_504.0  # float16's largest number
SETTLED = 3 * BATCH  # images after which a measured speed is believed


@dataclass(frozen=True)
class Source:
    """The images to send: some rows of an array of pixels."""

    pixels: NDArray[np.uint8]  # (n, s, s, 3), usually a memory map
    rows: Rows  # (m,)
    windows: Floats | None = None  # (m, 8), as `views.transforms` draws them; None: the images as they are

    def part(self, positions: slice) -> NDArray[np.uint8] | Floats:
        """Return the images at these positions of the rows, or the windows of them: (k, s, s, 3), 0..255."""
        images = taken(self.pixels, self.rows[positions])
        return images if self.windows is None else windowed(images.astype(np.float32), self.windows[positions])


@dataclass(frozen=True)
class Target:
    """The array that features are written to, and the place in it of each row of the source."""

    values: Floats | Halves  # (n, ...), usually a memory map
    places: Rows  # (m,)

    def write(self, part: slice, found: Floats) -> None:
        """Write the features of this part of the source to their places."""
        self.values[self.places[part]] = halved(found) if self.values.dtype == np.float16 else found


@dataclass(frozen=True)
class Pace:
    """The number of images that were sent, and their speed."""

    done: int  # images, from the first row on
    speed: float  # images a second, without the tracing of the graph


class TooSlow(Exception):
    """The images cannot all be sent through this network within the budget."""

    def __init__(self, speed: float) -> None:
        super().__init__(f"{speed:.1f} images a second")
        self.speed = speed  # images a second


Progress = Callable[[int, float], None]  # images done, images a second


@dataclass(frozen=True)
class Watch:
    """The time that an extraction may take, and a listener for its progress."""

    budget: Budget
    progress: Progress = lambda done, speed: None
    least: int | None = None  # rows that are needed even past the budget; None: all rows, or TooSlow


def extract(engine: Engine, source: Source, target: Target, watch: Watch) -> Pace:
    """Write the engine's output for each row of the source to its place in the target.

    Raises TooSlow as soon as the measured speed shows that the budget does not suffice. Where `watch.least` is
    given, it stops at the end of the budget instead, but not before so many rows.
    """
    total, budget, least = len(source.rows), watch.budget, watch.least
    if not engine.speed:
        engine.run(source.pixels[source.rows[:1]])  # traces the graph; not part of the speed
    started, done, speed = time.monotonic(), 0, 0.0
    for images in _ahead(source, engine.batch):
        target.write(slice(done, done + len(images)), engine.run(images))
        give_back(target.values)
        done += len(images)
        speed = done / max(time.monotonic() - started, 1e-6)
        watch.progress(done, speed)
        if least is not None and done >= least and budget.over():
            break
        settled = done < total and (done >= SETTLED or budget.over())
        if least is None and settled and (total - done) / speed > budget.remaining():
            raise TooSlow(speed)
    return Pace(done, speed)


Extract = Callable[[WeightFile, Engine, Source, Target, Watch], Pace]  # sends the images through a network


def alone(weight: WeightFile, engine: Engine, source: Source, target: Target, watch: Watch) -> Pace:
    """Extract in this process alone, as `extract` does. Raises TooSlow."""
    return extract(engine, source, target, watch)


def _ahead(source: Source, batch: int) -> Iterator[NDArray[np.uint8] | Floats]:
    """Yield the pixels a batch at a time; the next batch is read while the network works on this one."""
    parts = [slice(start, start + batch) for start in range(0, len(source.rows), batch)]
    with ThreadPoolExecutor(1, thread_name_prefix="pixels") as reader:
        coming = [reader.submit(source.part, part) for part in parts[:1]]
        for part in parts[1:]:
            coming.append(reader.submit(source.part, part))
            yield coming.pop(0).result()
        for last in coming:
            yield last.result()


def in_memory(engine: Engine, source: Source) -> Floats:
    """Return the features (m, ...) of all rows, in their order, however long it takes."""
    values = np.empty((len(source.rows), *engine.shape), np.float32)
    extract(engine, source, Target(values, np.arange(len(values))), Watch(Budget.of(float("inf"))))
    return values


def on_disk(path: Path, rows: int, shape: tuple[int, ...]) -> Halves:
    """Create a memory map (rows, *shape) float16 for features. Raises OSError where the disk has no room for it."""
    values: Halves = created(path, np.float16, (rows, *shape))
    return values


def halved(values: Floats) -> Floats:
    """Return the values within float16's range, which would else become infinite."""
    return np.clip(values, -HALF_MAX, HALF_MAX)


def forward(model: keras.Model, pixels: NDArray[np.uint8], rows: Rows) -> Floats:
    """Return the model's output (m, ...) for at most BATCH rows, padded to BATCH so that one graph suffices."""
    return np.asarray(model.predict_on_batch(padded(taken(pixels, rows))), np.float32)[: len(rows)]
