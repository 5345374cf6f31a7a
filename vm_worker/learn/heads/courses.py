"""Train heads of several strengths on folds, and choose strength and epoch by what they say of unseen rows.

Only epochs of the second half are judged. There the learning rate is low, so that a head that is refitted on more rows
is trained about as far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.linear import Bank, FeatureRows, HeadSettings, Prepared, Space, softmax

Fold = tuple[tuple[FeatureRows, FeatureRows], HeadSettings]  # rows to learn from, rows to judge, and the settings


@dataclass(frozen=True)
class PreparedFold:
    """A fold's rows in the form in which heads are trained."""

    learnt: Prepared  # the rows to learn from
    judged: Prepared  # the rows to judge

    @property
    def few(self) -> bool:
        """Whether they are few: coordinates on as many axes take little memory."""
        return self.learnt.extents is not None


@dataclass(frozen=True)
class Chosen:
    """The strength and the epoch with the lowest cross-entropy of the judged rows."""

    strength: float
    epochs: int
    loss: float
    logits: Floats  # (m, k) of the judged rows, fold by fold


def prepared(fold: Fold) -> PreparedFold:
    """Return a fold's rows to learn from and to judge in the form in which heads are trained."""
    (train, judged), settings = fold
    space = Space(train, settings)
    return PreparedFold(space.learnt, space.prepared(judged))


def course(fold: PreparedFold, settings: HeadSettings) -> Floats:
    """Train on a fold; return the logits of its judged rows after each epoch of the second half.

    They are (epochs, m, strengths, k).
    """
    bank, epochs, first = Bank(fold.learnt, settings), range(settings.epochs), settings.epochs // 2
    shape = len(epochs[first:]), len(fold.judged.labels), len(settings.strengths), settings.classes
    logits = np.empty(shape, np.float32)
    for epoch in epochs:
        bank.epoch()
        if epoch >= first:
            logits[epoch - first] = bank.logits(fold.judged)
    return logits


def chosen(courses: Sequence[Floats], labels: Rows, settings: HeadSettings) -> Chosen:
    """Choose by the courses of all folds; `labels` (m,) are those of the judged rows, fold by fold."""
    logits = np.concatenate(courses, axis=1)
    counts = imbalance.weights(labels, settings.balanced)
    losses = [np.average(statistics.cross_entropy(softmax(one), labels), axis=0, weights=counts) for one in logits]
    epoch, strength = np.unravel_index(int(np.argmin(losses)), np.shape(losses))
    epochs = settings.epochs // 2 + int(epoch) + 1
    return Chosen(settings.strengths[strength], epochs, float(losses[epoch][strength]), logits[epoch, :, strength])
