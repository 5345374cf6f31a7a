"""Train the tail of a network, the layers above the cut, on cached activations, and keep the best epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import OutOfTime, TailBatch, TailInputs
from vm_worker.learn.judge.scores import Score, score
from vm_worker.learn.networks.fold_batchnorm import freeze_norms
from vm_worker.learn.tune.depth_start import Beside
from vm_worker.learn.tune.recipe import MIXED, NONE, Recipe

Batch = tuple[list[Floats], Floats]  # what the tail is given (m, ...), and true probabilities (m, k)
WARM_UP = 0.1  # share of all steps in which the learning rate rises
MIX = 0.2  # both parameters of mixup's beta distribution
JUDGE_BATCH = 64


@dataclass(frozen=True)
class TailData:
    """The activations and labels that a trial learns from, and those it is judged on."""

    inputs: TailInputs
    labels: Rows  # (n,)
    train: Rows  # positions among the inputs
    judge: Rows  # positions among the inputs; empty: no judging
    classes: int
    seed: int
    balanced: bool = False  # whether every class counts alike in the scores
    weighed: bool = False  # whether every class counts alike in the training
    beside: Beside | None = None  # what the tail's logits are added to; None: nothing

    def given(self, batch: TailBatch) -> list[Floats]:
        """Return what the tail is given of a batch: activations (m, ...) and, added to its logits, (m, k)."""
        if self.beside is None or batch.offsets is None:
            return [batch.activations]
        return [batch.activations, batch.offsets[:, self.beside.head]]

    def class_weights(self) -> Floats | None:
        """Return how much a photo of each class counts in the training, (k,); None: all count 1."""
        if not self.weighed:
            return None
        labels = self.labels[self.train]
        found = np.ones(self.classes, np.float32)
        found[labels] = imbalance.weights(labels)
        return found


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch: on the training batches, and on the judged rows."""

    accuracy: float
    loss: float
    judged: Score


@dataclass(frozen=True)
class TailResult:
    """The result of a training: the best epoch, and the error of every epoch."""

    score: Score | None  # of the best epoch, whose weights the network has; None: no epoch ended in time
    epochs: int  # the best epoch's number, from 1
    errors: tuple[float, ...]  # of every epoch
    pruned: bool  # given up early


class TailTraining:
    """The training of a tail. It shares its variables with the whole model: training it trains the model."""

    def __init__(self, tail: keras.Model, data: TailData, recipe: Recipe) -> None:
        self._tail, self._data, self._recipe = tail, data, recipe
        self._batch = min(recipe.batch, len(data.train))
        self.steps = len(data.train) // self._batch  # an epoch
        self._random = np.random.default_rng(data.seed)
        self._truth = np.eye(data.classes, dtype=np.float32)[data.labels]
        self._weights = data.class_weights()
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
        """Train for one epoch, with each image in one of its views, and judge. Raises OutOfTime."""
        self._tail.reset_metrics()
        metrics: dict[str, Any] = {}
        for inputs, truth in _ahead(self._batches()):
            if budget.over():
                raise OutOfTime
            counts = None if self._weights is None else truth @ self._weights
            metrics = self._tail.train_on_batch(_one(inputs), truth, sample_weight=counts, return_dict=True)
        return Epoch(float(metrics["accuracy"]), float(metrics["plain"]), judge(self._tail, self._data))

    def _batches(self) -> Iterator[Batch]:
        """Yield an epoch's batches, in a fresh order and with a fresh choice of views."""
        data, recipe = self._data, self._recipe
        order = self._random.permutation(data.train)
        views = self._random.integers(0, 1 if recipe.augmentation == NONE else data.inputs.views, len(order))
        for start in range(0, self.steps * self._batch, self._batch):
            rows = order[start : start + self._batch]
            inputs = data.given(data.inputs.batch(views[start : start + self._batch], rows))
            if recipe.augmentation == MIXED:
                *inputs, truth = mixed([*inputs, self._truth[rows]], self._random)
                yield inputs, truth
            else:
                yield inputs, self._truth[rows]

    def run(
        self, budget: Budget, tell: Callable[[int, Epoch], None], hopeless: Callable[[Sequence[float]], bool]
    ) -> TailResult:
        """Train until the last epoch, the end of the budget or `hopeless`; leave the best epoch's weights in place.

        The best epoch has the lowest mean squared error: the accuracy on a few dozen photos jumps from epoch to
        epoch. `tell` hears each epoch's number and figures; `hopeless` is asked with the errors so far.
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
        """Train all epochs without choosing the best, or fewer where they are slow; return how many.

        The learning rate comes down to 0 in either case. In the last epoch it is so low that the training may be cut
        off there. Raises OutOfTime where the budget ends earlier.
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
            if left and done > 1:  # the first epoch traces the graph: its time says nothing about the others
                left -= self._shortened(left, before - budget.remaining(), budget)
        return done

    def _shortened(self, left: int, pace: float, budget: Budget) -> int:
        """Skip, in the schedule of the rate, the epochs that would not end in time; return how many."""
        skipped = left - min(left, max(1, int(budget.remaining() / max(pace, 1e-6))))
        if skipped:
            iterations = self._tail.optimizer.iterations
            iterations.assign(iterations + skipped * self.steps)
        return skipped


def mixed(parts: Sequence[Floats], random: np.random.Generator) -> list[Floats]:
    """Mix each example with another one of the batch, all of its parts (m, ...) in the same proportion.

    Mixup (Zhang et al., ICLR 2018), applied to activations as in manifold mixup (Verma et al., ICML 2019).
    """
    count = len(parts[0])
    share = random.beta(MIX, MIX, count).astype(np.float32)
    share = np.maximum(share, 1 - share)
    other = random.permutation(count)
    wide = [share.reshape(-1, *[1] * (part.ndim - 1)) for part in parts]
    return [own * part + (1 - own) * part[other] for own, part in zip(wide, parts, strict=True)]


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches; the next one is made while the network learns from this one."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, batches, None)
        while (batch := waiting.result()) is not None:
            waiting = pool.submit(next, batches, None)
            yield batch


def judge(tail: keras.Model, data: TailData) -> Score:
    """Score the tail on the unchanged photos of the judged rows; the worst score where there are none."""
    if not len(data.judge):
        return Score(0.0, float("inf"))
    return score(judged(tail, data), data.labels[data.judge], data.balanced)


def judged(tail: keras.Model, data: TailData) -> Floats:
    """Return the probabilities (m, k) of the judged rows by what would be delivered."""
    found = outputs(tail, data, data.judge)
    return found if data.beside is None else data.beside.probabilities(found)


def outputs(model: keras.Model, data: TailData, positions: Rows, view: int = 0) -> Floats:
    """Return the model's outputs (m, ...) for one view of these positions (m,), by default the unchanged photo."""
    parts = []
    for start in range(0, len(positions), JUDGE_BATCH):
        rows = positions[start : start + JUDGE_BATCH]
        padded = np.concatenate([rows, np.repeat(rows[-1:], JUDGE_BATCH - len(rows))])  # one shape, one graph
        given = data.given(data.inputs.batch(view, padded))
        parts.append(np.asarray(model.predict_on_batch(_one(given)), np.float32)[: len(rows)])
    return np.concatenate(parts)


def _one(inputs: list[Floats]) -> Floats | list[Floats]:
    """Return the inputs as Keras takes them: a single one without a list around it."""
    return inputs[0] if len(inputs) == 1 else inputs
