"""A quick look at features: linear heads in closed form, judged by k-fold, in a tenth of a second.

Ridge regression on +1/-1 targets (the least-squares classifier; Rifkin and Lippert 2007, "Notes on Regularized
Least Squares", section 3): one eigendecomposition a fold serves every strength.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.heads import folds
from vm_worker.learn.heads.head_validation import FeatureTable
from vm_worker.learn.heads.linear import standardisation

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # of the mean eigenvalue of the photos' inner products

Rows = NDArray[np.int64]


def probe(material: FeatureTable, seed: int, strengths: Sequence[float] = STRENGTHS) -> NDArray[np.bool_]:
    """(n,) which photos a head that had not seen them got right, at the best strength."""
    right = np.zeros((len(strengths), len(material.labels)), bool)
    for train, validation in folds.cut(material.labels, material.groups, _folds(material.labels), seed):
        for row, said in enumerate(_said(material, train, validation, strengths)):
            right[row, validation] = said == material.labels[validation]
    best: NDArray[np.bool_] = right[int(right.sum(axis=1).argmax())]
    return best


def _folds(labels: Rows) -> int:
    """As few photos as a probe has never suffice for a fixed split."""
    return max(folds.count(labels), folds.FEW_FOLDS)


def _said(material: FeatureTable, train: Rows, validation: Rows, strengths: Sequence[float]) -> list[Rows]:
    """For each strength the classes of the validation rows."""
    mean, scale = standardisation(material.features[train])
    x = ((material.features[train] - mean) / scale).astype(np.float64)
    unseen = ((material.features[validation] - mean) / scale).astype(np.float64)
    classes = np.unique(material.labels[train])
    targets = np.where(material.labels[train][:, None] == classes, 1.0, -1.0)
    offset = targets.mean(axis=0)
    values, vectors = np.linalg.eigh(x @ x.T)
    turned, across = vectors.T @ (targets - offset), unseen @ x.T @ vectors
    values = np.maximum(values, 0.0)
    typical = max(float(values.mean()), 1e-12)
    return [
        classes[(across @ (turned / (values + strength * typical)[:, None]) + offset).argmax(axis=1)]
        for strength in strengths
    ]
