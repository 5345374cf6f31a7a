"""Score the answers of a classification: accuracy, the share of photos whose most probable class is right."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vm_worker.evaluation.judge import Answers
from vm_worker.tasks.classification.truth import ClassTruth


class ClassJudge:
    """The score of probabilities (photos, classes): accuracy, where higher is better."""

    metric = "accuracy"
    better: Literal["higher", "lower"] = "higher"

    def score(self, answers: Answers, truth: ClassTruth) -> float:
        """Return the accuracy, 0..1. Raises ValueError for shapes that do not fit, or without photos."""
        return float(_right(answers, truth).mean())

    def ties(self, one: Answers, other: Answers, truth: ClassTruth) -> bool:
        """Return whether two models' answers do not differ significantly, by McNemar's exact test."""
        from vm_worker.learn import statistics
        from vm_worker.learn.select.ranking import TIE

        return statistics.mcnemar(_right(one, truth), _right(other, truth)) > TIE


def _right(answers: Answers, truth: ClassTruth) -> NDArray[np.bool_]:
    """Return which photos are answered rightly: (photos,) bool. Raises ValueError for shapes that do not fit."""
    if answers.shape != (len(truth.labels), len(truth.classes)) or not len(answers):
        wanted = f"{len(truth.labels)} photos of {len(truth.classes)} classes"
        raise ValueError(f"{answers.shape} probabilities for {wanted}")
    return np.asarray(answers.argmax(axis=1) == truth.labels)
