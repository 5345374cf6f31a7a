"""Assemble one plain Keras model from a pretrained network and a trained head."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import OUTPUT as OUTPUT
from vm_worker.learn.networks.weights import WeightFile


def assemble(weight: WeightFile, head: Head) -> keras.Model:
    """Build a network with a head: raw RGB (None, s, s, 3) float32 in 0..255 -> probabilities (None, k) float32.

    Preprocessing lies in built-in layers and standardisation in the last Dense layer. So Keras loads the file
    without any code of ours.
    """
    return with_head(build.extractor(weight.key, weight), head)


def with_head(extractor: keras.Model, head: Head) -> keras.Model:
    """Put the head on top of an extractor, which gives features (None, d)."""
    kernel, bias = head.folded()
    top = keras.layers.Dense(len(bias), activation="softmax", dtype="float32", name=OUTPUT)
    model = keras.Model(extractor.input, top(extractor.output), name=extractor.name)
    top.set_weights([kernel, bias])
    return model


def delivered(weight: WeightFile, head: Head, tuned: Path | None, temperature: float = 1.0) -> keras.Model:
    """Build the model that the job delivers: the assembled one, with tuned weights (`.weights.h5`) where there are any.

    The logits are divided by the temperature (Guo et al., ICML 2017), inside the last layer's own weights. This
    changes no answer, only the probabilities.
    """
    model = assemble(weight, head)
    if tuned is not None:
        model.load_weights(str(tuned))
    last = model.get_layer(OUTPUT)
    last.set_weights([value / np.float32(temperature) for value in last.get_weights()])
    return model
