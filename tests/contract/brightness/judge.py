"""How far the numbers are off, in files as in models."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import wilcoxon

from tests.contract.brightness.truth import BrightnessTruth
from vm_worker.evaluation.judge import Answers
from vm_worker.exports.agreement import Compared
from vm_worker.exports.formats import Format

TIE = 0.05


class BrightnessJudge:
    """Judges (photos, 1) numbers by their root mean squared error."""

    metric = "rmse"
    better: Literal["higher", "lower"] = "lower"

    def score(self, answers: Answers, truth: BrightnessTruth) -> float:
        """The error."""
        if answers.shape != (len(truth.values), 1) or not len(answers):
            raise ValueError("a number is wanted for each photo")
        return float(np.sqrt(np.mean((answers[:, 0] - truth.values) ** 2)))

    def ties(self, one: Answers, other: Answers, truth: BrightnessTruth) -> bool:
        """Wilcoxon's signed-rank test cannot tell the errors apart."""
        ours, theirs = (np.abs(answers[:, 0] - truth.values) for answers in (one, other))
        return bool(np.array_equal(ours, theirs) or wilcoxon(ours, theirs).pvalue > TIE)


class NearlyTheSame:
    """Compares numbers by what the format allows."""

    def compare(self, row: Format, answers: Answers, expected: Answers, truth: BrightnessTruth) -> Compared:
        """Every number must be as near as the format promises."""
        if answers.shape != expected.shape:
            return Compared(f"gives {answers.shape} in place of {expected.shape} numbers")
        difference = float(np.abs(answers - expected).max())
        far = row.difference is not None and difference > row.difference
        return Compared("differs" if far else "", BrightnessJudge().score(answers, truth), 1.0, difference)
