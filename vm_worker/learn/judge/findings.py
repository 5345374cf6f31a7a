"""What the winner's features tell about the photos: would more help, and which may lie in the wrong folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.head_validation import FeatureTable, HeadResult
from vm_worker.learn.heads.linear import Plan
from vm_worker.learn.judge.learning_curve import SHARES, learning_curve
from vm_worker.learn.judge.suspects import Suspect, suspects
from vm_worker.learn.judge.unseen import Unseen, look
from vm_worker.results.candidates import LearningCurve

CURVE_COST = 2 * sum(SHARES) + 0.5  # of the curve, in passes such as the one over the folds, and a margin


@dataclass(frozen=True)
class Findings:
    """Each is None where the time did not suffice."""

    unseen: Unseen | None
    suspects: tuple[Suspect, ...] | None  # rows are positions in train+validation as the winner saw it
    learning_curve: LearningCurve | None

    def save(self, path: Path) -> None:
        """The out-of-fold probabilities, for the calibration of a model that is not tuned."""
        said, labels = np.empty((0, 0), np.float32), np.empty(0, np.int64)
        if self.unseen is not None:
            said, labels = self.unseen.probabilities, self.unseen.labels
        np.savez(path, probabilities=said, labels=labels)


def study(material: FeatureTable, plan: Plan, verdict: HeadResult, budget: Budget) -> Findings:
    """Doubtful photos, and the learning curve where the budget suffices for it too."""
    started = time.monotonic()
    unseen = look(material, plan, verdict)
    found = tuple(suspects(unseen.probabilities, unseen.labels))
    in_time = CURVE_COST * (time.monotonic() - started) < budget.remaining()
    return Findings(unseen, found, learning_curve(material, plan, verdict, unseen) if in_time else None)
