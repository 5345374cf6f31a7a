"""Training a whole network from nothing, within a time: the best epoch is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.budget import Budget

BATCH = 32
RATE = 2e-3  # Adam's, at the start; it falls as half a cosine to 0 at the end of the time
SHIFT = 0.1  # of the side, that a picture is moved at most
EPOCHS = 300  # at most
PATIENCE = 30  # epochs without a better one


@dataclass(frozen=True)
class Pupils:
    """Pictures and what they are."""

    images: NDArray[np.uint8]  # (n, s, s, 3), a memory map or an array
    labels: NDArray[np.int64]  # (n,)


@dataclass(frozen=True)
class Learnt:
    """How it went."""

    accuracy: float  # on validation pictures, of the epoch that was kept
    loss: float
    epochs: int


def train(model: keras.Model, lesson: Pupils, judged: Pupils, budget: Budget, mirror: bool = True) -> Learnt:
    """Adam and a falling rate until the time is up; the model ends with the weights of its best epoch.

    The best is the one with the lowest validation cross-entropy. One epoch is always trained.
    """
    model.compile(keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = _Watch(model, judged, budget)
    model.fit(_Batches(lesson, mirror), epochs=EPOCHS, verbose=0, callbacks=[watch])
    model.set_weights(watch.weights)
    return watch.best


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras has no types
    """Shuffled, shifted and mirrored pictures."""

    def __init__(self, lesson: Pupils, mirror: bool) -> None:
        super().__init__()
        self._lesson, self._mirror = lesson, mirror
        self._random = np.random.default_rng(0)
        self._order = self._random.permutation(len(lesson.labels))

    def __len__(self) -> int:
        return math.ceil(len(self._order) / BATCH)

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        rows = np.sort(self._order[number * BATCH : (number + 1) * BATCH])
        images = self._lesson.images[rows].astype(np.float32)
        for place, flipped in enumerate(self._random.random(len(rows)) < 0.5):
            images[place] = _moved(images[place, :, ::-1] if flipped and self._mirror else images[place], self._random)
        return images, self._lesson.labels[rows]

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(self._order)


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the best epoch, lets the rate fall with the time, and stops in time."""

    def __init__(self, model: keras.Model, judged: Pupils, budget: Budget) -> None:
        super().__init__()
        self._judged, self._budget, self._seconds = judged, budget, max(budget.remaining(), 1e-3)
        self._last, self._epoch = budget.remaining(), 0
        self.best, self.weights = Learnt(0.0, math.inf, 0), model.get_weights()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        loss, accuracy = self.model.evaluate(self._judged.images, self._judged.labels, BATCH, verbose=0)
        if loss < self.best.loss or self.best.epochs == 0:
            self.best, self.weights = Learnt(float(accuracy), float(loss), epoch + 1), self.model.get_weights()
        left = self._budget.remaining()
        took, self._last = self._last - left, left
        part = min(1.0, max(0.0, 1 - left / self._seconds))
        self.model.optimizer.learning_rate = RATE * (1 + math.cos(math.pi * part)) / 2
        self.model.stop_training = left < took or epoch + 1 - self.best.epochs >= PATIENCE


Move = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


def _moved(image: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Shifted by up to SHIFT of its side; the edge repeats."""
    most = round(SHIFT * len(image))
    down, right = random.integers(0, 2 * most + 1, 2)
    wide = np.pad(image, ((most, most), (most, most), (0, 0)), "edge")
    return wide[down : down + len(image), right : right + image.shape[1]]
