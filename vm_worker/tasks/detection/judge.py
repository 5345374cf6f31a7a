"""Score counts: the mean error of the number of objects, photo by photo."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vm_worker.evaluation.judge import Answers
from vm_worker.tasks.detection.truth import BoxTruth


class CountJudge:
    """The score of counts (photos, classes): the mean of |counted - labelled|, where lower is better."""

    metric = "count_error"
    better: Literal["higher", "lower"] = "lower"

    def score(self, answers: Answers, truth: BoxTruth) -> float:
        """Return the mean error in objects a photo. Raises ValueError for shapes that do not fit, or without photos."""
        return float(_errors(answers, truth).mean())

    def ties(self, one: Answers, other: Answers, truth: BoxTruth) -> bool:
        """Return whether two models' counts do not differ significantly, by Wilcoxon's signed-rank test."""
        from scipy.stats import wilcoxon

        from vm_worker.learn.select.ranking import TIE

        ours, theirs = _errors(one, truth), _errors(other, truth)
        return bool(np.array_equal(ours, theirs) or wilcoxon(ours, theirs).pvalue > TIE)


def _errors(answers: Answers, truth: BoxTruth) -> NDArray[np.float64]:
    wanted = truth.counts_by_class
    if answers.shape != wanted.shape or not len(answers):
        raise ValueError(f"{answers.shape} counts for {len(wanted)} photos with {len(truth.classes)} classes")
    return np.asarray(np.abs(answers.sum(axis=1) - wanted.sum(axis=1)), np.float64)
