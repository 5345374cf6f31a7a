"""LogME: how well a linear model explains the labels by the features, without training one.

You, Liu, Wang and Long (2021), "LogME: Practical Assessment of Pre-trained Models for Transfer Learning",
section 4: the evidence of a Bayesian linear regression of each class's 0/1 labels, maximised over the
precisions of weights (alpha) and noise (beta) by fixed-point iteration, a photo, mean of the classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 100  # it settles within ten or so
SETTLED = 1e-4  # relative change of alpha / beta
LEAST = 1e-12  # keeps logarithms finite where a fit is perfect


def logme(features: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The score of (n, d) features for (n,) labels; the higher, the better. Scores of different networks compare.

    Raises ValueError for fewer than two photos.
    """
    if len(features) < 2:
        raise ValueError("LogME needs two photos at least")
    left, values, _ = np.linalg.svd(features.astype(np.float64), full_matrices=False)
    classes = np.unique(labels)
    shape = features.shape
    return float(np.mean([_evidence(left, values**2, labels == one, shape) for one in classes]))


def _evidence(
    left: NDArray[np.float64], sigma: NDArray[np.float64], truth: NDArray[np.bool_], shape: tuple[int, ...]
) -> float:
    """The maximal log evidence a photo for one class. `sigma` are the eigenvalues of F'F that are not 0."""
    count, width = shape
    target = truth.astype(np.float64)
    inside = (left.T @ target) ** 2
    outside = max(0.0, float(target @ target - inside.sum()))  # of the target, what no weights can reach
    alpha = beta = 1.0
    for _ in range(ITERATIONS):
        ratio = alpha / beta
        effective = float(np.sum(sigma / (sigma + ratio)))
        weights = float(np.sum(sigma * inside / (sigma + ratio) ** 2))
        residue = float(np.sum(inside * (ratio / (sigma + ratio)) ** 2)) + outside
        alpha = effective / max(weights, LEAST)
        beta = max(count - effective, LEAST) / max(residue, LEAST)
        if abs(alpha / beta - ratio) <= SETTLED * ratio:
            break
    ratio = alpha / beta
    weights = float(np.sum(sigma * inside / (sigma + ratio) ** 2))
    residue = float(np.sum(inside * (ratio / (sigma + ratio)) ** 2)) + outside
    log_det = float(np.sum(np.log(alpha + beta * sigma))) + (width - len(sigma)) * np.log(alpha)
    fit = count * np.log(beta) - count * np.log(2 * np.pi) - beta * residue
    return float((width * np.log(alpha) + fit - alpha * weights - log_det) / (2 * count))
