"""The statistics that several rooms of learning and the report need, each in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

CONFIDENCE = 0.95
LEAST_PROBABILITY = 1e-7  # as Keras clips before the logarithm

Flags = NDArray[np.bool_]


def wilson(correct: int, total: int) -> tuple[float, float]:
    """The 95 % score interval of Wilson (1927) for `correct` of `total`; (0, 1) when nothing was counted.

    Unlike the textbook's p +- 1.96 s it stays inside 0..1 and says something at 0 and at 100 %.
    """
    if total == 0:
        return 0.0, 1.0
    bounds = binomtest(correct, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(bounds.low), float(bounds.high)


def mcnemar(one: Flags, other: Flags) -> float:
    """McNemar's exact p, two-sided: how often chance alone makes two equal models differ so much on the same photos.

    `one` and `other` (n,) say which photos each model got right. 1 where they never differ.
    """
    only_one, only_other = int(np.sum(one & ~other)), int(np.sum(~one & other))
    return float(binomtest(only_one, only_one + only_other).pvalue) if only_one + only_other else 1.0


def surprise(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cross-entropy of each row in nats: -log of the label's probability, clipped at 1e-7.

    `probabilities` (m, ..., k) and `labels` (m,) give (m, ...), float64.
    """
    place: tuple[Any, ...] = (np.arange(len(labels)), *[slice(None)] * (probabilities.ndim - 2), labels)
    truth = probabilities[place]
    return np.asarray(-np.log(np.clip(truth, LEAST_PROBABILITY, 1), dtype=np.float64))
