"""The probe: linear heads in closed form, judged by k-fold, in a tenth of a second.

Ridge regression on +1/-1 targets (the least-squares classifier; Rifkin and Lippert 2007, "Notes on Regularized
Least Squares", section 3): one eigendecomposition a fold serves every strength.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Flags, Rows
from vm_worker.learn.heads import folds
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings, standardisation

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # of the mean eigenvalue of the photos' inner products


def probe(table: FeatureTable, settings: HeadSettings, strengths: Sequence[float] = STRENGTHS) -> Flags:
    """Return (n,) whether each photo was right, by a head trained without it, at the best strength."""
    right = np.zeros((len(strengths), len(table.labels)), bool)
    number = folds.without_fixed_part(table.labels, table.groups)  # a probe has too few photos for the fixed part
    for train, validation in folds.cut(table.labels, table.groups, number, settings.seed):
        for row, predicted in enumerate(_predictions(table, train, validation, strengths)):
            right[row, validation] = predicted == table.labels[validation]
    best: Flags = right[int((right @ imbalance.weights(table.labels, settings.balanced)).argmax())]
    return best


def _predictions(table: FeatureTable, train: Rows, validation: Rows, strengths: Sequence[float]) -> list[Rows]:
    """Return, for each strength, the predicted classes (m,) of the validation rows (m,)."""
    learnt, judged = (table.examples(rows).features for rows in (train, validation))
    mean, scale = standardisation(learnt)
    x, unseen = (((features - mean) / scale).astype(np.float64) for features in (learnt, judged))
    classes = np.unique(table.labels[train])
    targets = np.where(table.labels[train][:, None] == classes, 1.0, -1.0)
    offset = targets.mean(axis=0)
    values, vectors = np.linalg.eigh(x @ x.T)
    turned, across = vectors.T @ (targets - offset), unseen @ x.T @ vectors
    values = np.maximum(values, 0.0)
    typical = max(float(values.mean()), 1e-12)
    return [
        classes[(across @ (turned / (values + strength * typical)[:, None]) + offset).argmax(axis=1)]
        for strength in strengths
    ]
