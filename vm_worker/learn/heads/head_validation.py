"""Validate a network's features: train heads on some of the photos and judge them on photos they have not seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Flags, Floats, Rows
from vm_worker.learn.heads import folds, linear
from vm_worker.learn.heads.linear import FeatureRows, Head, HeadSettings, History


@dataclass(frozen=True)
class FeatureTable:
    """One network's features of the training and validation photos, one row a photo, the training rows first."""

    features: Floats  # (n, d)
    labels: Rows  # (n,)
    groups: Rows  # (n,) equal for duplicates
    train: int  # number of training rows

    def examples(self, rows: Rows) -> FeatureRows:
        """Return features and labels of these rows."""
        return FeatureRows(self.features[rows], self.labels[rows])

    @property
    def everything(self) -> Rows:
        """(n,) the positions of all rows."""
        return np.arange(len(self.labels), dtype=np.int64)


@dataclass(frozen=True)
class HeadResult:
    """The validation figures of a network: its heads judged on rows that they had not seen."""

    right: Flags  # (n,) for each row of the table; False where it was not judged
    judged: Flags  # (n,)
    labels: Rows  # (n,)
    loss: float  # cross-entropy in nats, mean of the judged rows; every class counts alike if balanced
    strength: float  # the L2 strength that was best
    epochs: int  # after which this strength was best
    history: History  # of this strength alone: (epochs,), mean of the folds
    balanced: bool = False  # whether the score is the balanced accuracy
    weighed: bool = False  # whether photos of small classes counted more in the training

    @property
    def correct(self) -> int:
        """The number of rows judged right."""
        return int(self.right.sum())

    @property
    def total(self) -> int:
        """The number of rows judged."""
        return int(self.judged.sum())

    @property
    def accuracy(self) -> float:
        """The share of the judged rows that are right, 0..1."""
        return self.correct / self.total

    @property
    def score(self) -> float:
        """The accuracy, or the balanced accuracy, on the judged rows, 0..1."""
        return self.score_on(self.judged)

    def score_on(self, rows: Flags) -> float:
        """Return the score on these of the judged rows, (n,) bool."""
        return imbalance.score(self.right[rows], self.labels[rows], self.balanced)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the score."""
        return imbalance.interval(self.right[self.judged], self.labels[self.judged], self.balanced)


def validate(table: FeatureTable, settings: HeadSettings) -> HeadResult:
    """Train on folds, or on the fixed split where that is precise enough, and choose strength and epoch.

    Where the balanced accuracy counts, validation also chooses whether the training weighs the classes.
    """
    ways = [replace(settings, weighed=weighed) for weighed in ((False, True) if settings.balanced else (False,))]
    return max((_validated(table, way) for way in ways), key=lambda result: (result.score, -result.loss))


def _validated(table: FeatureTable, settings: HeadSettings) -> HeadResult:
    runs = [_run(table, settings, *parts) for parts in _splits(table, settings.seed)]
    history = _mean([run.history for run in runs], [float(len(run.rows)) for run in runs])
    epoch, strength = _best(history)
    right, judged = np.zeros((2, len(table.labels)), bool)
    for run in runs:
        judged[run.rows] = True
        right[run.rows] = run.right[epoch, :, strength]
    return HeadResult(
        right=right,
        judged=judged,
        labels=table.labels,
        loss=float(history.validation_loss[epoch, strength]),
        strength=settings.strengths[strength],
        epochs=epoch + 1,
        history=History(*(values[:, strength] for values in history.columns())),
        balanced=settings.balanced,
        weighed=settings.weighed,
    )


def refit(table: FeatureTable, settings: HeadSettings, result: HeadResult) -> Head:
    """Train a head once more with the chosen strength and epochs, on every row, training and validation."""
    return linear.refit(table.examples(table.everything), chosen(settings, result), result.epochs)


def chosen(settings: HeadSettings, result: HeadResult) -> HeadSettings:
    """Return the settings with the strength alone, and the weighing, that validation chose."""
    return replace(settings, strengths=(result.strength,), weighed=result.weighed)


@dataclass(frozen=True)
class _Run:
    """A training of heads, on a fold or on the fixed split."""

    rows: Rows  # (m,) the positions that were judged
    right: Flags  # (epochs, m, strengths)
    history: History


def _splits(table: FeatureTable, seed: int) -> Iterable[tuple[Rows, Rows]]:
    number = folds.count(table.labels, table.groups)
    if number > 1:
        return folds.cut(table.labels, table.groups, number, seed)
    return [(table.everything[: table.train], table.everything[table.train :])]


def _run(table: FeatureTable, settings: HeadSettings, train: Rows, validation: Rows) -> _Run:
    unseen = table.examples(validation)
    right: list[Flags] = []

    def watch(probabilities: Floats) -> None:
        right.append(probabilities.argmax(-1) == unseen.labels[:, None])

    history = linear.train(table.examples(train), unseen, settings, watch)
    return _Run(validation, np.stack(right), history)


def _best(history: History) -> tuple[int, int]:
    """Choose the epoch and strength with the lowest validation cross-entropy, in the second half of the epochs.

    The accuracy on a few dozen rows jumps from epoch to epoch: it would choose a lucky, half-trained head. In the
    second half the learning rate is low, so a head that is refitted on more rows is trained about as far.
    """
    settled = len(history.validation_loss) // 2
    loss = history.validation_loss[settled:]
    epoch, strength = np.unravel_index(int(loss.argmin()), loss.shape)
    return int(epoch) + settled, int(strength)


def _mean(histories: list[History], sizes: list[float]) -> History:
    stacked = zip(*(history.columns() for history in histories), strict=True)
    return History(*(np.average(values, axis=0, weights=sizes) for values in stacked))
