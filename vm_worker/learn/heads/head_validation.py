"""How good a network's features are for these photos: heads judged on rows that they have not seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.heads import folds, linear
from vm_worker.learn.heads.linear import FeatureRows, Head, History, Plan

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class FeatureTable:
    """One network's features of train+validation, the training rows first."""

    features: linear.Floats  # (n, d)
    labels: Rows  # (n,)
    groups: Rows  # (n,) equal = duplicates
    train: int  # how many of the rows are training rows

    def examples(self, rows: Rows) -> FeatureRows:
        """Some of the rows."""
        return FeatureRows(self.features[rows], self.labels[rows])

    @property
    def everything(self) -> Rows:
        """The positions of all rows."""
        return np.arange(len(self.labels), dtype=np.int64)


@dataclass(frozen=True)
class HeadResult:
    """What a network reached on rows that its heads had not seen."""

    right: NDArray[np.bool_]  # (n,) of the material's rows; False where not judged
    judged: NDArray[np.bool_]  # (n,)
    loss: float
    strength: float
    epochs: int  # after which the chosen strength was best
    history: History  # of the chosen strength alone: (epochs,), mean of the folds

    @property
    def correct(self) -> int:
        """Rows judged right."""
        return int(self.right.sum())

    @property
    def total(self) -> int:
        """Rows judged."""
        return int(self.judged.sum())

    @property
    def accuracy(self) -> float:
        """Of all judged rows together."""
        return self.correct / self.total


def validate(material: FeatureTable, plan: Plan) -> HeadResult:
    """Train on folds, or on the fixed split where that is precise enough, and choose strength and epoch."""
    rounds = [_round(material, plan, *parts) for parts in _splits(material, plan.seed)]
    history = _mean([one.history for one in rounds], [float(len(one.rows)) for one in rounds])
    epoch, strength = _best(history)
    right, judged = np.zeros((2, len(material.labels)), bool)
    for one in rounds:
        judged[one.rows] = True
        right[one.rows] = one.right[epoch, :, strength]
    return HeadResult(
        right=right,
        judged=judged,
        loss=float(history.validation_loss[epoch, strength]),
        strength=plan.strengths[strength],
        epochs=epoch + 1,
        history=History(*(values[:, strength] for values in history.columns())),
    )


def refit(material: FeatureTable, plan: Plan, verdict: HeadResult) -> Head:
    """The head of the chosen strength on every row, training and validation."""
    alone = replace(plan, strengths=(verdict.strength,))
    return linear.refit(material.examples(material.everything), alone, verdict.epochs)


@dataclass(frozen=True)
class _Round:
    rows: Rows
    right: NDArray[np.bool_]  # (epochs, rows, strengths)
    history: History


def _splits(material: FeatureTable, seed: int) -> Iterable[tuple[Rows, Rows]]:
    number = folds.count(material.labels)
    if number > 1:
        return folds.cut(material.labels, material.groups, number, seed)
    return [(material.everything[: material.train], material.everything[material.train :])]


def _round(material: FeatureTable, plan: Plan, train: Rows, validation: Rows) -> _Round:
    unseen = material.examples(validation)
    right: list[NDArray[np.bool_]] = []

    def watch(said: linear.Floats) -> None:
        right.append(said.argmax(-1) == unseen.labels[:, None])

    history = linear.train(material.examples(train), unseen, plan, watch)
    return _Round(validation, np.stack(right), history)


def _best(history: History) -> tuple[int, int]:
    """Epoch and strength with the lowest validation cross-entropy, once the rate has come down.

    Accuracy on a few dozen rows jumps from epoch to epoch and would crown a lucky, half-trained head;
    and a head refitted on more rows must be as far along as the one that was judged.
    """
    settled = len(history.validation_loss) // 2
    loss = history.validation_loss[settled:]
    epoch, strength = np.unravel_index(int(loss.argmin()), loss.shape)
    return int(epoch) + settled, int(strength)


def _mean(histories: list[History], sizes: list[float]) -> History:
    stacked = zip(*(history.columns() for history in histories), strict=True)
    return History(*(np.average(values, axis=0, weights=sizes) for values in stacked))
