"""What heads say of photos that they have not seen, for every photo of train+validation: k-fold on cached features."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.arrays import Floats
from vm_worker.learn.heads import folds, linear
from vm_worker.learn.heads.head_validation import FeatureTable, HeadResult
from vm_worker.learn.heads.linear import Plan

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Unseen:
    """Out-of-fold probabilities, and the folds that they come from."""

    probabilities: Floats  # (n, k)
    labels: Rows  # (n,)
    splits: tuple[tuple[Rows, Rows], ...]  # positions that were learnt from, positions that were judged

    @property
    def right(self) -> NDArray[np.bool_]:
        """(n,) whether the largest probability was the label's."""
        answers: NDArray[np.bool_] = self.probabilities.argmax(axis=1) == self.labels
        return answers


def look(material: FeatureTable, plan: Plan, verdict: HeadResult) -> Unseen:
    """Heads of the chosen strength and length, each trained without the photos that it is asked about."""
    splits = tuple(folds.cut(material.labels, material.groups, _folds(material.labels), plan.seed))
    said = np.zeros((len(material.labels), plan.classes), np.float32)
    for train, judged in splits:
        said[judged] = answers(material, plan, verdict, train, judged)
    return Unseen(said, material.labels, splits)


def answers(material: FeatureTable, plan: Plan, verdict: HeadResult, train: Rows, judged: Rows) -> Floats:
    """(m, k) probabilities of the judged rows, by a head trained on the others."""
    alone = replace(plan, strengths=(verdict.strength,))
    head = linear.refit(material.examples(train), alone, verdict.epochs)
    return head.probabilities(material.features[judged])


def _folds(labels: Rows) -> int:
    """As selection's, but for large sets, whose heads hardly miss a third of the photos."""
    return max(folds.count(labels), folds.FEW_FOLDS)
