"""Run a frozen backbone over pictures by the fastest engine that gives the same maps."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

from vm_worker.intake.arrays import Pixels
from vm_worker.learn.arrays import Floats
from vm_worker.learn.features import openvino
from vm_worker.learn.features.engines import POLICY, cosines
from vm_worker.tasks.detection.engine.detect import BATCH, Predict
from vm_worker.tasks.detection.engine.training.map_cache import Run

WORTH = 150  # pictures from which converting the network is worth its time


def runner(backbone: keras.Model, sample: Pixels, expected: int, folder: Path) -> Run:
    """Return the function that computes all maps of pictures, flattened to one row each.

    `sample` (m, h, w, 3) are some pictures on which engines are compared, `expected` is the number of pictures to come.
    """
    flat = [layers.Flatten()(one) for one in backbone.outputs]
    model = keras.Model(backbone.input, layers.Concatenate()(flat))

    def plain(pixels: Pixels) -> Floats:
        return np.asarray(model.predict_on_batch(padded(pixels)), np.float32)[: len(pixels)]

    if expected < WORTH or not openvino.available():
        return plain
    network = openvino.Network(model, folder)
    truth = plain(sample[:BATCH])
    for precision in openvino.precisions():
        fast = network.compiled(precision)
        if float(cosines(fast(sample[:BATCH]), truth).mean()) >= POLICY.alike:
            return fast
    return plain


def padded(pixels: Pixels | Floats) -> Floats:
    """Return one picture as float32, or several padded with zeros to BATCH: two graphs suffice."""
    batch = np.zeros((1 if len(pixels) == 1 else BATCH, *pixels.shape[1:]), np.float32)
    batch[: len(pixels)] = pixels
    return batch


def by_keras(model: keras.Model) -> Predict:
    """Return the function that runs a whole detector by Keras."""

    def predict(pictures: Floats) -> tuple[Floats, Floats]:
        scores, *rest = (
            np.asarray(one, np.float32)[: len(pictures)] for one in model.predict_on_batch(padded(pictures))
        )
        return scores, np.concatenate(rest, axis=-1)

    return predict
