"""The findings about the photos from the winner's features: suspects, and whether more photos would help."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vm_worker.learn.arrays import Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import HeadSettings, softmax
from vm_worker.learn.judge.learning_curve import SHARES, learning_curve
from vm_worker.learn.judge.out_of_fold import OutOfFold, out_of_fold
from vm_worker.learn.judge.suspects import Suspect, suspects
from vm_worker.results.candidates import LearningCurve

CURVE_COST = 2 * sum(SHARES) + 0.5  # of the learning curve, in times of the pass over the folds, with a margin


@dataclass(frozen=True)
class Findings:
    """The findings about the photos; each is None where the time did not suffice for it."""

    unseen: OutOfFold | None  # probabilities by heads that were not trained on the photo
    suspects: tuple[Suspect, ...] | None  # photos that may be in the wrong folder; rows of `unseen`
    learning_curve: LearningCurve | None
    judgeable: Rows | None = None  # rows of `unseen` that the network may be judged on; None: all

    def save(self, path: Path) -> None:
        """Write the out-of-fold probabilities to an .npz file, for the calibration of a model that is not tuned."""
        probabilities, labels = np.empty((0, 0), np.float32), np.empty(0, np.int64)
        if self.unseen is not None:
            rows = slice(None) if self.judgeable is None else self.judgeable
            probabilities, labels = self.unseen.probabilities[rows], self.unseen.labels[rows]
        np.savez(path, probabilities=probabilities, labels=labels)


def judged_by(findings: Findings, result: HeadResult) -> Findings:
    """Return the findings with the probabilities by the heads of this validation, which calibrate what is delivered."""
    if result.logits is None:
        return findings
    splits = () if findings.unseen is None else findings.unseen.splits
    unseen = OutOfFold(softmax(result.logits), result.labels, splits)
    return replace(findings, unseen=unseen, judgeable=np.flatnonzero(result.judged).astype(np.int64))


def make_findings(table: FeatureTable, settings: HeadSettings, result: HeadResult, budget: Budget) -> Findings:
    """Find the suspects, and compute the learning curve, which is given up where the budget ends first.

    `table` has the winner's features and `result` its validation figures.
    """
    started = time.monotonic()
    unseen = out_of_fold(table, settings, result)
    found = tuple(suspects(unseen.probabilities, unseen.labels))
    in_time = CURVE_COST * (time.monotonic() - started) < budget.remaining()
    curve = learning_curve(table, settings, result, unseen, budget) if in_time else None
    return Findings(unseen, found, curve, table.judgeable(table.everything))
