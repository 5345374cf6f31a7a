"""The P2L score, "predict to learn": similarity of the photos to the pretraining images, times the number of those.

Bhattacharjee et al. (2019), "P2L: Predicting Transfer Learning for Images and Semantic Relations": the
divergence between the mean feature vectors of source and target, weighted with the size of the source set.
The source set, ImageNet, is not at hand. But the network's last batch normalisation holds the mean and standard
deviation of each channel on it, and the layers after it turn these into mean features.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

SOURCE_IMAGES = 1_281_167  # in ImageNet's training set, on which every network of the catalogue was pretrained
NODES = 31  # of the Gauss-Hermite quadrature
LEAST_SHARE = 1e-6  # of the largest mean feature: keeps the logarithms finite

Floats = NDArray[np.float64]


def p2l(source: Floats, features: NDArray[np.floating[Any]]) -> float:
    """Return exp(-KL(target || source)) of the mean features, times the source set's size in millions of images.

    `source` (d,) is from `source_features`, `features` (n, d) are those of the photos.
    """
    return similarity(source, features.mean(axis=0, dtype=np.float64)) * SOURCE_IMAGES / 1e6


def similarity(source: NDArray[np.floating[Any]], target: NDArray[np.floating[Any]]) -> float:
    """Return exp(-KL(target || source)) of two vectors of mean features (d,): 1 where they are in proportion."""
    shares, origin = _distribution(target), _distribution(source)
    return float(np.exp(-np.sum(shares * np.log(shares / origin))))


def source_features(model: keras.Model) -> Floats | None:
    """Return the mean features (d,) on ImageNet that the last batch normalisation of an extractor implies.

    A channel leaves that layer with mean beta and standard deviation gamma; normal values are assumed. None where
    the network has no such layer, or where several branches lead from it to the output.
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
    outputs = np.asarray(rest.predict_on_batch(np.broadcast_to(maps[:, None, None], (NODES, *side, len(beta)))))
    return np.asarray(weights @ outputs.astype(np.float64) / weights.sum())


def _values(norm: Any, name: str, default: float) -> Floats:
    """Return a weight (channels,) of the layer, or the default where the layer has no such weight."""
    found = getattr(norm, name, None)
    if found is None:
        return np.full(norm.output.shape[-1], default)
    return np.asarray(keras.ops.convert_to_numpy(found), np.float64)


def _distribution(values: NDArray[np.floating[Any]]) -> Floats:
    """Return mean features as shares that sum to 1. Negative features, which no ReLU follows, count as 0."""
    given = values.astype(np.float64)
    shares = np.maximum(given, LEAST_SHARE * max(float(np.max(np.abs(given))), LEAST_SHARE))
    return np.asarray(shares / shares.sum())
