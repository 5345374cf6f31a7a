"""Decide whether the test shows more than guessing would, by one-sided tests of the figures of the test photos."""

from __future__ import annotations

import numpy as np

from vm_worker.learn import imbalance
from vm_worker.results.evaluated import HeldOutFigures

LEVEL = 0.05
SHUFFLES = 2000


def guesses(test: HeldOutFigures, balanced: bool) -> bool:
    """Return whether the test cannot tell the model from one that does not look at the photo.

    The accuracy is compared with that of always naming the most common class, the balanced accuracy (`balanced`) with
    that of the same answers given to other photos. The tests are one-sided, with the mid-p value (Lancaster 1961): the
    plain one is too strict for a few photos, where it would call four right answers of four, in two classes, chance.
    """
    return (_p_shuffled(test) if balanced else _p_most_common(test)) > LEVEL


def _p_most_common(test: HeldOutFigures) -> float:
    from scipy.stats import binom  # `modelmail check` judges nothing, and need not load it

    guess = binom(test.images, test.most_common_share)
    return float(guess.sf(test.correct) + guess.pmf(test.correct) / 2)


def _p_shuffled(test: HeldOutFigures) -> float:
    """Return the p of a permutation test. The shuffles are always the same, so that a report can be made again."""
    counts = np.array(test.confusion)
    truth, said = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    weights, random = imbalance.weights(truth).astype(np.float64), np.random.default_rng(0)
    found = float(weights[said == truth].sum())
    chance = np.array([weights[random.permutation(said) == truth].sum() for _ in range(SHUFFLES)])
    equal = np.isclose(chance, found)
    return float((((chance > found) & ~equal).sum() + equal.sum() / 2) / SHUFFLES)
