"""One trial: train what lies above the cut, on activations, and keep the best epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import Inputs, OutOfTime
from vm_worker.learn.judge.scores import Score, score
from vm_worker.learn.networks.fold_batchnorm import freeze_norms
from vm_worker.learn.tune.recipe import MIXED, NONE, Recipe

Rows = NDArray[np.int64]
Weights = NDArray[np.float32]
Batch = tuple[NDArray[np.float32], NDArray[np.float32]]
WARM_UP = 0.1  # of all steps
MIX = 0.2  # both parameters of the beta distribution that pictures are mixed by
JUDGE_BATCH = 64


@dataclass(frozen=True)
class TailData:
    """What a trial learns from and is judged on: positions among the inputs."""

    inputs: Inputs
    labels: Rows  # (n,)
    train: Rows
    judge: Rows  # empty where nothing is left to judge on
    classes: int
    seed: int


@dataclass(frozen=True)
class Epoch:
    """One point of the curve."""

    accuracy: float
    loss: float
    judged: Score


@dataclass(frozen=True)
class TailResult:
    """What became of the epochs."""

    score: Score | None  # of the best one, whose weights the network has; None: not one ended in time
    epochs: int  # its number
    errors: tuple[float, ...]  # of every epoch
    pruned: bool  # given up early


class TailTraining:
    """The training of one tail. Its layers are the whole model's: training it trains the model."""

    def __init__(self, tail: keras.Model, lesson: TailData, recipe: Recipe) -> None:
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
        self._tail.reset_metrics()
        said: dict[str, Any] = {}
        for inputs, truth in _ahead(self._batches()):
            if budget.over():
                raise OutOfTime
            said = self._tail.train_on_batch(inputs, truth, return_dict=True)
        return Epoch(float(said["accuracy"]), float(said["plain"]), judge(self._tail, self._lesson))

    def _batches(self) -> Iterator[Batch]:
        """A fresh order, a fresh choice of views."""
        lesson, recipe = self._lesson, self._recipe
        order = self._random.permutation(lesson.train)
        views = self._random.integers(0, 1 if recipe.augmentation == NONE else lesson.inputs.views, len(order))
        for start in range(0, self.steps * self._batch, self._batch):
            rows = order[start : start + self._batch]
            inputs = lesson.inputs.batch(views[start : start + self._batch], rows)
            if recipe.augmentation == MIXED:
                yield mixed(inputs, self._truth[rows], self._random)
            else:
                yield inputs, self._truth[rows]

    def run(
        self, budget: Budget, tell: Callable[[int, Epoch], None], hopeless: Callable[[Sequence[float]], bool]
    ) -> TailResult:
        """All epochs that the budget and the rivals allow; leaves the weights of the best one.

        The best one has the lowest mean squared error: the accuracy on a few dozen photos jumps from epoch to epoch.
        """
        best, number, kept, pruned = None, 0, self._tail.get_weights(), False
        errors: list[float] = []
        while len(errors) < self._recipe.epochs and not pruned:
            try:
                point = self.epoch(budget)
            except OutOfTime:
                break
            errors.append(point.judged.error)
            tell(len(errors), point)
            if best is None or point.judged.error < best.error:
                best, number, kept = point.judged, len(errors), self._tail.get_weights()
            pruned = len(errors) < self._recipe.epochs and hopeless(errors)
        self._tail.set_weights(kept)
        return TailResult(best, number, tuple(errors), pruned)

    def repeat(self, budget: Budget) -> int:
        """All epochs, unjudged, or fewer where they turn out slow: how many. Raises OutOfTime.

        The rate comes down to 0 in either case. In the last epoch it is so low that its end may be missed.
        """
        done, left = 0, self._recipe.epochs
        while left:
            before = budget.remaining()
            try:
                self.epoch(budget)
            except OutOfTime:
                if left > 1 or not done:
                    raise
                break
            done, left = done + 1, left - 1
            if left and done > 1:  # the first one traces the graph, and tells nothing of the others
                left -= self._shortened(left, before - budget.remaining(), budget)
        return done

    def _shortened(self, left: int, pace: float, budget: Budget) -> int:
        """Go on in the schedule as if those epochs had passed that would not end in time: how many."""
        skipped = left - min(left, max(1, int(budget.remaining() / max(pace, 1e-6))))
        if skipped:
            iterations = self._tail.optimizer.iterations
            iterations.assign(iterations + skipped * self.steps)
        return skipped


def mixed(inputs: NDArray[np.float32], truth: NDArray[np.float32], random: np.random.Generator) -> Batch:
    """Each example with another one of the batch laid over it, inputs and truth in the same proportion.

    Mixup (Zhang et al., ICLR 2018), at the cut as manifold mixup has it (Verma et al., ICML 2019).
    """
    share = random.beta(MIX, MIX, len(inputs)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    other = random.permutation(len(inputs))
    wide = share.reshape(-1, *[1] * (inputs.ndim - 1))
    return wide * inputs + (1 - wide) * inputs[other], share[:, None] * truth + (1 - share[:, None]) * truth[other]


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same; the next one is put together while the last one is learnt from."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, batches, None)
        while (batch := waiting.result()) is not None:
            waiting = pool.submit(next, batches, None)
            yield batch


def judge(tail: keras.Model, lesson: TailData) -> Score:
    """The tail as it is on the judged rows' plain views."""
    if not len(lesson.judge):
        return Score(0.0, float("inf"))
    return score(outputs(tail, lesson.inputs, lesson.judge), lesson.labels[lesson.judge])


def outputs(model: keras.Model, inputs: Inputs, positions: Rows, view: int = 0) -> NDArray[np.float32]:
    """What the model makes of one view, the plain one unless told, of these positions: (m, ...)."""
    parts = []
    for start in range(0, len(positions), JUDGE_BATCH):
        rows = positions[start : start + JUDGE_BATCH]
        filled = np.concatenate([rows, np.repeat(rows[-1:], JUDGE_BATCH - len(rows))])  # one shape, one graph
        parts.append(np.asarray(model.predict_on_batch(inputs.batch(view, filled)), np.float32)[: len(rows)])
    return np.concatenate(parts)
