"""P2L, "predict to learn": how near the photos are to what a network was pretrained on, times how much that was.

Bhattacharjee et al. (2019), "P2L: Predicting Transfer Learning for Images and Semantic Relations": the
divergence between the mean feature vectors of source and target, weighed with the size of the source set.
We do not have the source set, ImageNet. But the network's last batch normalisation remembers each channel's
mean and variance on it, and what follows that layer tells what features they make.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

SOURCE_IMAGES = 1_281_167  # ImageNet's training set, which every row of the catalogue was pretrained on
NODES = 31  # of the Gauss-Hermite quadrature
TINY = 1e-6  # of the largest mean feature: keeps the logarithms finite

Floats = NDArray[np.float64]


def p2l(source: Floats, features: NDArray[np.floating[Any]]) -> float:
    """Similarity exp(-KL(target || source)) of the mean features, times the source set's size in millions.

    `source` (d,) from `source_features`, `features` (n, d) of the photos.
    """
    target, origin = (_distribution(values) for values in (features.mean(axis=0, dtype=np.float64), source))
    divergence = float(np.sum(target * np.log(target / origin)))
    return float(np.exp(-divergence)) * SOURCE_IMAGES / 1e6


def source_features(model: keras.Model) -> Floats | None:
    """(d,) mean features on ImageNet, as the last batch normalisation of an extractor implies; None without one.

    A channel leaves that layer with mean beta and standard deviation gamma; nearly normal values are assumed.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms or norms[-1].output.shape[-1] != model.output.shape[-1]:
        return None
    try:
        rest = keras.Model(norms[-1].output, model.output)
    except (ValueError, KeyError):  # several branches lead to the output
        return None
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    gamma, beta = (_values(norms[-1], name, default) for name, default in (("gamma", 1.0), ("beta", 0.0)))
    maps = (beta + nodes[:, None] * np.abs(gamma)).astype(np.float32)
    side = norms[-1].output.shape[1:-1]
    said = np.asarray(rest.predict_on_batch(np.broadcast_to(maps[:, None, None], (NODES, *side, len(beta)))))
    return np.asarray(weights @ said.astype(np.float64) / weights.sum())


def _values(norm: Any, name: str, default: float) -> Floats:
    """One of the layer's weights; some networks do without the scale."""
    found = getattr(norm, name, None)
    if found is None:
        return np.full(norm.output.shape[-1], default)
    return np.asarray(keras.ops.convert_to_numpy(found), np.float64)


def _distribution(values: Floats) -> Floats:
    """Shares that sum to 1. Features after a ReLU are not negative; those of others are cut at 0."""
    shares = np.maximum(values, TINY * max(float(np.max(np.abs(values))), TINY))
    return np.asarray(shares / shares.sum())
