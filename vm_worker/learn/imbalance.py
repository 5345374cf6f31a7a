"""Classes of very unequal sizes: which figure then counts, and how much each photo counts in it.

A model that always names the most common class is right on 97 % of 400 good parts and 12 faulty ones. So where classes
are unequal by more than UNEQUAL the figure is the balanced accuracy, the mean recall of the classes. It is the mean of
the right answers where each photo counts by a weight that gives all classes the same sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vm_worker.learn import statistics
from vm_worker.learn.arrays import Flags, Floats, Rows

UNEQUAL = 4.0  # times the smallest class; with a larger one the balanced accuracy counts
ACCURACY, BALANCED = "accuracy", "balanced_accuracy"


def unequal(sizes: Sequence[int] | Rows) -> bool:
    """Return whether the largest class has more than UNEQUAL times the photos of the smallest; empty ones aside."""
    present = [int(size) for size in sizes if size]
    return bool(present) and max(present) > UNEQUAL * min(present)


def metric(balanced: bool) -> str:
    """Return the name of the figure that counts."""
    return BALANCED if balanced else ACCURACY


def weights(labels: Rows, balanced: bool = True) -> Floats:
    """Return how much each of the photos (n,) counts, 1 in the mean: 1 each, or the same for each class present."""
    if not balanced:
        return np.ones(len(labels), np.float32)
    sizes = np.bincount(labels)
    each = len(labels) / np.count_nonzero(sizes) / np.maximum(sizes, 1)
    return np.asarray(each[labels], np.float32)


def score(right: Flags, labels: Rows, balanced: bool) -> float:
    """Return the accuracy, or the balanced accuracy, of photos (n,) by whether each is right."""
    return float(np.average(right, weights=weights(labels))) if balanced else float(right.mean())


def interval(right: Flags, labels: Rows, balanced: bool) -> tuple[float, float]:
    """Return the 95 % confidence interval of the score."""
    if not balanced:
        return statistics.wilson(int(right.sum()), len(right))
    return mean_interval([(int(right[labels == one].sum()), int((labels == one).sum())) for one in np.unique(labels)])


def mean_interval(counts: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the 95 % interval of a mean of shares, each given as (correct, total) with a total above 0.

    It joins the intervals of Wilson of the shares by MOVER (Zou and Donner 2008, equation 5): an interval from the
    variances alone would have no width where every share is 0 or 1.
    """
    shares = np.array([correct / total for correct, total in counts])
    low, high = np.array([statistics.wilson(correct, total) for correct, total in counts]).T
    below, above = (float(np.sqrt(np.square(shares - bound).sum())) / len(counts) for bound in (low, high))
    mean = float(shares.mean())
    return max(0.0, mean - below), min(1.0, mean + above)


def difference(one: Flags, other: Flags, labels: Rows, balanced: bool) -> float:
    """Return the two-sided p by which two models differ on the same photos (n,).

    McNemar's exact test for the accuracy. For the balanced accuracy a sign test of the weighted differences by the
    normal approximation: under the null hypothesis each difference is as likely to have either sign.
    """
    if not balanced:
        return statistics.mcnemar(one, other)
    differences = weights(labels) * (one.astype(np.float64) - other)
    spread = float(np.sqrt(np.square(differences).sum()))
    return math.erfc(abs(float(differences.sum())) / spread / math.sqrt(2)) if spread else 1.0  # both tails
