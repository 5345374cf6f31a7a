"""Training a whole network from nothing, within a time: the best state is kept.

Adam; the rate rises for the first steps and then falls as half a cosine (Loshchilov and Hutter, 2017, "SGDR", equation
5, without restarts), so that the averages of batch normalisation meet settled weights at the end. The labels are
smoothed (Szegedy et al., CVPR 2016, section 7).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import statistics
from vm_worker.learn.budget import Budget

BATCH = 32
RATE = 6e-3  # Adam's, at its highest: with a third of it MobileNetV1 needs three times the steps
WARM_UP = 0.05  # of the training, in which the rate rises
SMOOTHING = 0.05  # of the labels: nothing is gained by being ever surer of pictures known by heart
SHIFT = 0.1  # of the side, that a picture is moved at most
EPOCHS, STEPS = 60, 1500  # at most, whichever is more: a few pictures need many epochs
LEAST_EPOCHS, LEAST_STEPS = 8, 200  # with less of either a network hardly leaves chance
ENOUGH = 0.8  # of the epochs, for a training that was to be repeated
LOOKS = 30  # at the judged pictures, in a whole training
PACE_STEPS = 3  # that tell how long one takes, after the one that builds the graph
SOLVED = 0.02  # a cross-entropy on the judged pictures that leaves nothing to gain


class TrainingTooSlow(Exception):
    """A training that would not get anywhere in its time."""

    def __init__(self, seconds: float, left: float) -> None:
        super().__init__(f"its training needs about {seconds:.0f} s")
        self.left = left  # seconds


@dataclass(frozen=True)
class Examples:
    """Pictures and what they are."""

    images: NDArray[np.uint8]  # (n, s, s, 3), a memory map or an array
    labels: NDArray[np.int64]  # (n,)


@dataclass(frozen=True)
class TrainingSet:
    """What to learn from, and how."""

    pictures: Examples
    mirror: bool = True  # a mirrored picture shows the same class
    seed: int = 0

    @property
    def epoch(self) -> int:
        """Steps in which each picture is seen once."""
        return math.ceil(len(self.pictures.labels) / BATCH)

    @property
    def least(self) -> int:
        """Epochs of a training that is worth its time."""
        return max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / self.epoch))

    @property
    def most(self) -> int:
        """Epochs after which little more is gained."""
        return max(EPOCHS, math.ceil(STEPS / self.epoch))


@dataclass(frozen=True)
class EpochFigures:
    """How the network stood after an epoch; the loss on the training pictures is that of the smoothed labels."""

    epoch: int
    accuracy: float
    loss: float
    validation_accuracy: float = math.nan  # on the judged pictures
    validation_loss: float = math.inf


@dataclass(frozen=True)
class Trained:
    """How a training went: figures of the judged pictures, of the state that was kept."""

    accuracy: float
    loss: float
    epochs: int  # after which it was
    curve: tuple[EpochFigures, ...]
    images_per_second: float  # in a plain pass
    start_seconds: float  # until it could begin: graphs


@dataclass(frozen=True)
class TimeAllowed:
    """How long a training may take."""

    share: Budget  # its own
    whole: Budget  # what it may borrow from to get anywhere at all

    @classmethod
    def of(cls, seconds: float) -> TimeAllowed:
        """So much, and no more."""
        return cls(Budget.of(seconds), Budget.of(seconds))


def train(model: keras.Model, material: TrainingSet, judged: Examples, allowed: TimeAllowed) -> Trained:
    """Train while the time lasts; the model ends with the weights that had the lowest cross-entropy on the judged.

    Raises TooSlow, after a few steps, where the time does not suffice for `material.least` epochs.
    """
    began = time.monotonic()
    loop = _Loop(model, material)
    plan = loop.plan(judged, allowed)
    start = time.monotonic() - began
    kept, weights, curve = EpochFigures(0, 0.0, math.inf), [], []
    for told in loop.course(plan.epochs, max(1, plan.epochs // LOOKS), plan.budget):
        accuracy, loss = judge(model, judged)
        curve.append(replace(told, validation_accuracy=accuracy, validation_loss=loss))
        if loss < kept.validation_loss:
            kept, weights = curve[-1], model.get_weights()
        if loss < SOLVED:
            break
    model.set_weights(weights)
    return Trained(
        kept.validation_accuracy, kept.validation_loss, kept.epoch, tuple(curve), plan.images_per_second, start
    )


def repeat(model: keras.Model, material: TrainingSet, epochs: int, budget: Budget) -> bool:
    """Train for so many epochs; False where the time does not suffice, and the model is then of no use."""
    loop = _Loop(model, material)
    if loop.pace() * epochs * material.epoch > budget.remaining():
        return False
    *_, last = loop.course(epochs, epochs, budget)
    return last.epoch >= ENOUGH * epochs  # the rate has come down with the time, too


def judge(model: keras.Model, judged: Examples) -> tuple[float, float]:
    """Accuracy and cross-entropy."""
    said = probabilities(model, judged)
    return float((said.argmax(1) == judged.labels).mean()), float(statistics.cross_entropy(said, judged.labels).mean())


def probabilities(model: keras.Model, examples: Examples) -> NDArray[np.float32]:
    """(n, classes) of the pictures, in batches of one shape: one graph."""
    count = len(examples.labels)
    parts = []
    for start in range(0, count, BATCH):
        rows = np.arange(start, start + BATCH) % count
        parts.append(np.asarray(model.predict_on_batch(examples.images[rows].astype(np.float32))))
    return np.concatenate(parts)[:count]


@dataclass(frozen=True)
class _Plan:
    """How long to train."""

    epochs: int
    budget: Budget
    images_per_second: float


class _Loop:
    """One network in training."""

    def __init__(self, model: keras.Model, material: TrainingSet) -> None:
        self._model, self._material = model, material
        self._random = np.random.default_rng(material.seed)
        self._batches = self._shuffled()
        classes = int(model.output_shape[-1])
        self._truth = np.eye(classes, dtype=np.float32) * (1 - SMOOTHING) + np.float32(SMOOTHING / classes)
        # TensorFlow alone would have XLA compile the step: half a minute on two cores, more than it ever saves.
        compiled = keras.backend.backend() != "tensorflow"
        model.compile(
            keras.optimizers.Adam(RATE), "categorical_crossentropy", metrics=["accuracy"], jit_compile=compiled
        )

    def pace(self) -> float:
        """Seconds of a step. The steps that tell it change nothing: their rate is 0, and the weights are put back."""
        before = self._model.get_weights()
        self._model.optimizer.learning_rate = 0.0
        self._step()
        taken = [_seconds(self._step) for _ in range(PACE_STEPS)]
        self._model.set_weights(before)
        self._model.reset_metrics()
        return float(np.median(taken))

    def plan(self, judged: Examples, allowed: TimeAllowed) -> _Plan:
        """What fits the time. Raises TooSlow."""
        epoch = self.pace() * self._material.epoch
        judge(self._model, judged)  # builds the graph
        look = _seconds(lambda: judge(self._model, judged))
        speed, looking = len(judged.labels) / look, LOOKS * look
        possible, needed = (allowed.share.remaining() - looking) / epoch, self._material.least * epoch + looking
        if possible >= self._material.least:
            return _Plan(min(self._material.most, int(possible)), allowed.share, speed)
        if needed > allowed.whole.remaining():
            raise TrainingTooSlow(needed, allowed.whole.remaining())
        return _Plan(self._material.least, allowed.whole, speed)

    def course(self, epochs: int, gap: int, budget: Budget) -> Iterator[EpochFigures]:
        """Train for so many epochs, or until the time is up; tells how it stands after each gap and at the end."""
        whole, each = max(budget.remaining(), 1e-3), self._material.epoch
        for step in range(1, epochs * each + 1):
            passed = max(step / (epochs * each), 1 - budget.remaining() / whole)
            self._model.optimizer.learning_rate = RATE * _height(passed)
            said = self._step()
            over = step == epochs * each or budget.over()
            if over or step % (gap * each) == 0:
                yield EpochFigures(math.ceil(step / each), *said)
                self._model.reset_metrics()
            if over:
                return

    def _step(self) -> tuple[float, float]:
        """Learn from one batch; gives accuracy and loss, in the mean since the metrics were reset."""
        rows = next(self._batches)
        pictures, labels = self._material.pictures.images[rows], self._material.pictures.labels[rows]
        seen = np.stack([self._moved(picture) for picture in pictures]).astype(np.float32)
        said = self._model.train_on_batch(seen, self._truth[labels], return_dict=True)
        return float(said["accuracy"]), float(said["loss"])

    def _shuffled(self) -> Iterator[NDArray[np.int64]]:
        """Rows of one batch after another: each picture once, in a new order each time. All of one size."""
        count, ahead = len(self._material.pictures.labels), np.empty(0, np.int64)
        while True:
            while len(ahead) < BATCH:
                ahead = np.concatenate([ahead, self._random.permutation(count)])
            yield np.sort(ahead[:BATCH])
            ahead = ahead[BATCH:]

    def _moved(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Shifted by up to SHIFT of its side, the edge repeated, and perhaps mirrored."""
        side = len(picture)
        most = round(SHIFT * side)
        if self._material.mirror and self._random.random() < 0.5:
            picture = picture[:, ::-1]
        down, right = self._random.integers(-most, most + 1, 2)
        places = np.arange(side)
        rows, columns = (np.clip(places + shift, 0, side - 1) for shift in (down, right))
        return np.asarray(picture[np.ix_(rows, columns)])


def _height(passed: float) -> float:
    """The rate, of its highest, when this part of the training has passed."""
    if passed < WARM_UP:
        return passed / WARM_UP
    return (1 + math.cos(math.pi * min(1.0, (passed - WARM_UP) / (1 - WARM_UP)))) / 2


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
