"""One trial: train what lies above the cut, on cached activations, and keep the best epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.activations import Cache, OutOfTime
from vm_worker.learn.backbones import Cut
from vm_worker.learn.budget import Budget

Rows = NDArray[np.int64]
Weights = NDArray[np.float32]
WARM_UP = 0.1  # of all steps
JUDGE_BATCH = 64
SHARES = (0.75, 0.5, 0.25)  # of the way back to the start that are tried, besides all of it


@dataclass(frozen=True)
class Recipe:
    """How the unfrozen part is trained; plain values."""

    cut: Cut
    views: int  # of each image, the plain one included
    epochs: int
    rate: float  # the highest learning rate, after the warm-up
    batch: int
    smoothing: float = 0.1
    decay: float = 0.01

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        return {
            "unfrozen from": self.cut.layer,
            "views": self.views,
            "epochs": self.epochs,
            "learning rate": self.rate,
            "batch": self.batch,
            "label smoothing": self.smoothing,
            "weight decay": self.decay,
        }


@dataclass(frozen=True)
class Lesson:
    """What a trial learns from and is judged on: positions in the cache."""

    cache: Cache
    labels: Rows  # (n,)
    train: Rows
    judge: Rows  # empty where nothing is left to judge on
    classes: int
    seed: int


@dataclass(frozen=True)
class Score:
    """Accuracy and cross-entropy on the judged rows."""

    accuracy: float
    loss: float

    def better_than(self, other: Score) -> bool:
        """Higher accuracy, or the same and a lower cross-entropy."""
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


NOTHING = Score(-1.0, float("inf"))  # worse than any


@dataclass(frozen=True)
class Epoch:
    """One point of the curve."""

    accuracy: float
    loss: float
    judged: Score


def freeze_norms(model: keras.Model) -> None:
    """BatchNormalization in inference mode for good.

    `training=False` in the call does not hold in `fit` (Keras issue 20285); only `trainable = False` does,
    and averages taken from small batches of a small set ruin the network.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


class Trial:
    """The training of one tail. Its layers are the whole model's: training it trains the model."""

    def __init__(self, tail: keras.Model, lesson: Lesson, recipe: Recipe) -> None:
        self._tail, self._lesson, self._recipe = tail, lesson, recipe
        self._batch = min(recipe.batch, len(lesson.train))
        self.steps = len(lesson.train) // self._batch  # an epoch
        self._random = np.random.default_rng(lesson.seed)
        self._truth = np.eye(lesson.classes, dtype=np.float32)[lesson.labels]
        freeze_norms(tail)
        tail.compile(
            optimizer=keras.optimizers.AdamW(self._schedule(), weight_decay=recipe.decay),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.smoothing),
            metrics=["accuracy", keras.metrics.CategoricalCrossentropy(name="plain")],
        )

    def _schedule(self) -> Any:
        total = self.steps * self._recipe.epochs
        warm = max(1, round(WARM_UP * total))
        # Floats: an integer 0 fails in a graph.
        return keras.optimizers.schedules.CosineDecay(
            0.0, float(max(1, total - warm)), warmup_target=self._recipe.rate, warmup_steps=float(warm)
        )

    def epoch(self, budget: Budget) -> Epoch:
        """One pass, each image in one of its views. Raises OutOfTime."""
        order = self._random.permutation(self._lesson.train)
        views = self._random.integers(0, min(self._recipe.views, self._lesson.cache.views), len(order))
        self._tail.reset_metrics()
        said: dict[str, Any] = {}
        for start in range(0, self.steps * self._batch, self._batch):
            if budget.over():
                raise OutOfTime
            rows = order[start : start + self._batch]
            inputs = self._lesson.cache.batch(views[start : start + self._batch], rows)
            said = self._tail.train_on_batch(inputs, self._truth[rows], return_dict=True)
        return Epoch(float(said["accuracy"]), float(said["plain"]), judge(self._tail, self._lesson))

    def run(self, budget: Budget, tell: Callable[[int, Epoch], None]) -> tuple[Score, int]:
        """All epochs that the budget allows; leaves the weights of the best one, and gives its score and number.

        Number 0, with the weights as they were, where not even one epoch ended in time.
        """
        best, number, kept = NOTHING, 0, self._tail.get_weights()
        for current in range(1, self._recipe.epochs + 1):
            try:
                point = self.epoch(budget)
            except OutOfTime:
                break
            tell(current, point)
            if point.judged.better_than(best):
                best, number, kept = point.judged, current, self._tail.get_weights()
        self._tail.set_weights(kept)
        return best, number

    def repeat(self, budget: Budget) -> None:
        """All epochs, unjudged; leaves the weights of the last. Raises OutOfTime."""
        for _ in range(self._recipe.epochs):
            self.epoch(budget)


def blend(start: list[Weights], end: list[Weights], share: float) -> list[Weights]:
    """This share of the way from one set of weights to another."""
    return [one + np.float32(share) * (other - one) for one, other in zip(start, end, strict=True)]


def judge(tail: keras.Model, lesson: Lesson) -> Score:
    """The tail as it is on the judged rows' plain views."""
    if not len(lesson.judge):
        return NOTHING
    return score(outputs(tail, lesson.cache, lesson.judge), lesson.labels[lesson.judge])


def score(probabilities: NDArray[np.float32], labels: Rows) -> Score:
    """Accuracy and mean cross-entropy of (m, k) probabilities."""
    chances = np.maximum(probabilities[np.arange(len(labels)), labels], 1e-7)
    return Score(float((probabilities.argmax(1) == labels).mean()), float(-np.log(chances, dtype=np.float64).mean()))


def outputs(model: keras.Model, cache: Cache, positions: Rows, view: int = 0) -> NDArray[np.float32]:
    """What the model makes of one view, the plain one unless told, of these positions: (m, ...)."""
    parts = []
    for start in range(0, len(positions), JUDGE_BATCH):
        rows = positions[start : start + JUDGE_BATCH]
        filled = np.concatenate([rows, np.repeat(rows[-1:], JUDGE_BATCH - len(rows))])  # one shape, one graph
        parts.append(np.asarray(model.predict_on_batch(cache.batch(view, filled)), np.float32)[: len(rows)])
    return np.concatenate(parts)
