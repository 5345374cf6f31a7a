"""Whether the test shows more than guessing would: one-sided tests of the figures of the test photos."""

from __future__ import annotations

from scipy.stats import binom

from vm_worker.results.evaluated import HeldOutFigures

LEVEL = 0.05


def guesses(test: HeldOutFigures) -> bool:
    """Return whether the model is no better than always naming the most common class, as far as the test can tell.

    By a one-sided binomial test with the mid-p value (Lancaster 1961): the plain p value is too strict for a few
    photos, where it would call four right answers of four, in two classes, chance.
    """
    more, equal = (binom.sf(test.correct, *_guess(test)), binom.pmf(test.correct, *_guess(test)))
    return bool(more + equal / 2 > LEVEL)


def _guess(test: HeldOutFigures) -> tuple[int, float]:
    return test.images, test.most_common_share
