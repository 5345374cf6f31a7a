"""Prediction: the probabilities of images by a model, a batch at a time."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.memory_maps import taken
from vm_worker.learn.features import extraction


def predict(
    model: keras.Model,
    pixels: NDArray[np.uint8],
    rows: NDArray[np.int64],
    batch: int = extraction.BATCH,
) -> NDArray[np.float32]:
    """Return the float32 probabilities (m, k) of these rows (m,) of `pixels` (n, s, s, 3) uint8, in their order.

    The last batch is padded with zeros, so that one graph suffices for all batches.
    """
    parts = [_batch(model, pixels, rows[start : start + batch], batch) for start in range(0, len(rows), batch)]
    return np.concatenate(parts) if parts else np.empty((0, model.output.shape[-1]), np.float32)


def at_once(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the float32 probabilities (n, k) of a few images (n, s, s, 3) uint8, by one call without a graph."""
    return np.asarray(keras.ops.convert_to_numpy(model(images.astype(np.float32), training=False)), np.float32)


def _batch(model: keras.Model, pixels: NDArray[np.uint8], rows: NDArray[np.int64], batch: int) -> NDArray[np.float32]:
    images = np.zeros((batch, *pixels.shape[1:]), np.float32)
    images[: len(rows)] = taken(pixels, rows)
    return np.asarray(model.predict_on_batch(images), np.float32)[: len(rows)]
