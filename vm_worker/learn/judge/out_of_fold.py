"""Out-of-fold probabilities of every training and validation photo: k-fold with heads on cached features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vm_worker.learn.arrays import Flags, Floats, Rows
from vm_worker.learn.heads import folds, head_validation
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import HeadSettings, softmax


@dataclass(frozen=True)
class OutOfFold:
    """The probabilities of photos by heads trained without them, and the folds."""

    probabilities: Floats  # (n, k)
    labels: Rows  # (n,)
    splits: tuple[tuple[Rows, Rows], ...]  # of each fold: the positions trained on, the positions judged

    @property
    def right(self) -> Flags:
        """(n,) whether the largest probability is that of the label."""
        right: Flags = self.probabilities.argmax(axis=1) == self.labels
        return right


def out_of_fold(table: FeatureTable, settings: HeadSettings, result: HeadResult) -> OutOfFold:
    """Train a head of the chosen form for each fold, and judge the fold's photos by it.

    Where validation used folds, they are the same, and so are its heads.

    Raises ValueError where there are fewer groups of duplicates than folds.
    """
    # With many photos there are few folds: a head trained on two thirds of them is hardly worse.
    number = folds.without_fixed_part(table.labels, table.groups)
    splits = tuple(folds.cut(table.labels, table.groups, number, settings.seed))
    if result.logits is not None and result.judged.all():
        return OutOfFold(softmax(result.logits), table.labels, splits)
    probabilities = np.zeros((len(table.labels), settings.classes), np.float32)
    for train, judged in splits:
        probabilities[judged] = by_others(table, settings, result, train, judged)
    return OutOfFold(probabilities, table.labels, splits)


def by_others(table: FeatureTable, settings: HeadSettings, result: HeadResult, train: Rows, judged: Rows) -> Floats:
    """Return the probabilities (m, k) of the rows `judged` (m,), by a head trained on the rows `train`."""
    return head_validation.fit(table, train, settings, result).probabilities(table.taken(judged))
