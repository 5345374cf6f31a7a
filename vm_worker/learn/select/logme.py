"""The LogME score: how well a linear model could explain the labels by the features, without training one.

You, Liu, Wang and Long (2021), "LogME: Practical Assessment of Pre-trained Models for Transfer Learning",
section 4: the evidence of a Bayesian linear regression of each class's 0/1 labels, maximised over the
precisions of weights (alpha) and noise (beta) by fixed-point iteration. The score is the logarithm of the evidence
divided by the number of photos, mean of the classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 100  # at most; about ten suffice
TOLERANCE = 1e-4  # relative change of alpha / beta below which the iteration ends
EPSILON = 1e-12  # keeps logarithms finite where a fit is perfect


def logme(features: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Return the LogME score of features (n, d) for labels (n,), in nats a photo; higher is better.

    Scores of different networks can be compared. Raises ValueError for fewer than two photos.
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
    """Return the largest log evidence of one class, divided by the number of photos.

    `left` (n, r) are the left singular vectors of the features F (n, d), `sigma` (r,) the eigenvalues of F'F that
    belong to them, `truth` (n,) marks the photos of the class, and `shape` is (n, d).
    """
    count, width = shape
    target = truth.astype(np.float64)
    inside = (left.T @ target) ** 2
    # The squared length of the part of the target that no weights can explain.
    outside = max(0.0, float(target @ target - inside.sum()))
    alpha = beta = 1.0
    for _ in range(ITERATIONS):
        ratio = alpha / beta
        effective = float(np.sum(sigma / (sigma + ratio)))
        weights = float(np.sum(sigma * inside / (sigma + ratio) ** 2))
        residue = float(np.sum(inside * (ratio / (sigma + ratio)) ** 2)) + outside
        alpha = effective / max(weights, EPSILON)
        beta = max(count - effective, EPSILON) / max(residue, EPSILON)
        if abs(alpha / beta - ratio) <= TOLERANCE * ratio:
            break
    ratio = alpha / beta
    weights = float(np.sum(sigma * inside / (sigma + ratio) ** 2))
    residue = float(np.sum(inside * (ratio / (sigma + ratio)) ** 2)) + outside
    log_det = float(np.sum(np.log(alpha + beta * sigma))) + (width - len(sigma)) * np.log(alpha)
    fit = count * np.log(beta) - count * np.log(2 * np.pi) - beta * residue
    return float((width * np.log(alpha) + fit - alpha * weights - log_det) / (2 * count))
