"""What a model says of images."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.mapped import taken
from vm_worker.learn.features import extraction


def predict(
    model: keras.Model,
    pixels: NDArray[np.uint8],
    rows: NDArray[np.int64],
    batch: int = extraction.BATCH,
) -> NDArray[np.float32]:
    """Probabilities (m, k) for these rows of an (n, s, s, 3) uint8 map, in their order.

    The last batch is filled up, so that one graph serves all.
    """
    parts = [_batch(model, pixels, rows[start : start + batch], batch) for start in range(0, len(rows), batch)]
    return np.concatenate(parts) if parts else np.empty((0, model.output.shape[-1]), np.float32)


def _batch(model: keras.Model, pixels: NDArray[np.uint8], rows: NDArray[np.int64], batch: int) -> NDArray[np.float32]:
    images = np.zeros((batch, *pixels.shape[1:]), np.float32)
    images[: len(rows)] = taken(pixels, rows)
    return np.asarray(model.predict_on_batch(images), np.float32)[: len(rows)]
