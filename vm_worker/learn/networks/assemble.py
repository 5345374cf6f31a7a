"""One plain Keras model out of a pretrained network and a head."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import OUTPUT as OUTPUT
from vm_worker.learn.networks.weights import WeightFile


def assemble(weight: WeightFile, head: Head) -> keras.Model:
    """Raw RGB (None, s, s, 3) float32 in 0..255 -> probabilities (None, k).

    Preprocessing lies in built-in layers, standardisation in the last Dense: the file needs no code of ours.
    """
    return crowned(build.extractor(weight.key, weight), head)


def crowned(extractor: keras.Model, head: Head) -> keras.Model:
    """The extractor with the head on top."""
    kernel, bias = head.folded()
    top = keras.layers.Dense(len(bias), activation="softmax", dtype="float32", name=OUTPUT)
    model = keras.Model(extractor.input, top(extractor.output), name=extractor.name)
    top.set_weights([kernel, bias])
    return model


def delivered(weight: WeightFile, head: Head, tuned: Path | None, temperature: float = 1.0) -> keras.Model:
    """The model of the job: the assembled one, with the tuned weights (`.weights.h5`) where there are some.

    The logits are divided by the temperature, in the last layer's own weights: no answer changes, only how
    sure the model says it is.
    """
    model = assemble(weight, head)
    if tuned is not None:
        model.load_weights(str(tuned))
    last = model.get_layer(OUTPUT)
    last.set_weights([value / np.float32(temperature) for value in last.get_weights()])
    return model
