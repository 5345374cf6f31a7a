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
from vm_worker.learn.heads.linear import Bank, FeatureRows, HeadSettings, softmax

Fold = tuple[tuple[FeatureRows, FeatureRows], HeadSettings]  # rows to learn from, rows to judge, and the settings


@dataclass(frozen=True)
class Chosen:
    """The strength and the epoch with the lowest cross-entropy of the judged rows."""

    strength: float
    epochs: int
    loss: float
    logits: Floats  # (m, k) of the judged rows, fold by fold


def course(fold: Fold) -> Floats:
    """Train on a fold; return the logits of its judged rows after each epoch of the second half.

    They are (epochs, m, strengths, k).
    """
    (train, judged), settings = fold
    bank, epochs = Bank(train, settings), range(settings.epochs)
    prepared, first = bank.prepared(judged.features), settings.epochs // 2
    logits = np.empty((len(epochs[first:]), len(judged.labels), len(settings.strengths), settings.classes), np.float32)
    for epoch in epochs:
        bank.epoch()
        if epoch >= first:
            logits[epoch - first] = bank.logits(prepared, judged.start)
    return logits


def chosen(courses: Sequence[Floats], labels: Rows, settings: HeadSettings) -> Chosen:
    """Choose by the courses of all folds; `labels` (m,) are those of the judged rows, fold by fold."""
    logits = np.concatenate(courses, axis=1)
    counts = imbalance.weights(labels, settings.balanced)
    losses = [np.average(statistics.cross_entropy(softmax(one), labels), axis=0, weights=counts) for one in logits]
    epoch, strength = np.unravel_index(int(np.argmin(losses)), np.shape(losses))
    epochs = settings.epochs // 2 + int(epoch) + 1
    return Chosen(settings.strengths[strength], epochs, float(losses[epoch][strength]), logits[epoch, :, strength])
