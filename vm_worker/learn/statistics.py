"""Wilson's interval, McNemar's test and cross-entropy: the statistics that learning and the report share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.arrays import Flags, Rows

CONFIDENCE = 0.95
LEAST_PROBABILITY = 1e-7  # as Keras clips before the logarithm


def wilson(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % score interval of Wilson (1927) for `correct` of `total`; (0, 1) when nothing was counted.

    Unlike the textbook's p +- 1.96 s it stays inside 0..1, and has a width at 0 and at 100 %.
    """
    if total == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest  # `modelmail check` loads this module, and need not load SciPy

    bounds = binomtest(correct, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(bounds.low), float(bounds.high)


def mcnemar(one: Flags, other: Flags) -> float:
    """Return McNemar's exact two-sided p: how often chance makes two equally good models differ at least so much.

    `one` and `other` (n,) bool say which of the same photos each model got right. The p is 1 where they never differ.
    """
    from scipy.stats import binomtest

    only_one, only_other = int(np.sum(one & ~other)), int(np.sum(~one & other))
    return float(binomtest(only_one, only_one + only_other).pvalue) if only_one + only_other else 1.0


def cross_entropy(probabilities: NDArray[np.floating[Any]], labels: Rows) -> NDArray[np.float64]:
    """Return the cross-entropy of each row in nats: -log of the true label's probability, clipped at 1e-7.

    `probabilities` (m, ..., k) and `labels` (m,) give (m, ...) float64.
    """
    place: tuple[Any, ...] = (np.arange(len(labels)), *[slice(None)] * (probabilities.ndim - 2), labels)
    truth = probabilities[place]
    return np.asarray(-np.log(np.clip(truth, LEAST_PROBABILITY, 1), dtype=np.float64))
