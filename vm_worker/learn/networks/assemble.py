"""Assemble one plain Keras model from a pretrained network and a trained head."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks import branch, build, depth
from vm_worker.learn.networks.catalogue import OUTPUT as OUTPUT
from vm_worker.learn.networks.weights import WeightFile


def assemble(weight: WeightFile, head: Head) -> keras.Model:
    """Build a network with a head: raw RGB (None, s, s, 3) float32 in 0..255 -> probabilities (None, k) float32.

    Preprocessing lies in built-in layers and standardisation in the last Dense layer. So Keras loads the file
    without any code of ours.
    """
    return with_head(build.extractor(weight.key, weight), head)


def with_head(extractor: keras.Model, head: Head) -> keras.Model:
    """Put the head on top of an extractor, which gives features (None, d).

    Where the head uses other depths, those that it uses are averaged, standardised and joined, too; columns that it
    does not use count nothing.
    """
    if head.columns is not None:
        return _deep(extractor, head, head.columns)
    kernel, bias = head.folded()
    return _topped(extractor, kernel, bias)


def _topped(extractor: keras.Model, kernel: Floats, bias: Floats, activation: str = "softmax") -> keras.Model:
    top = keras.layers.Dense(len(bias), activation=activation, dtype="float32", name=OUTPUT)
    model = keras.Model(extractor.input, top(extractor.output), name=extractor.name)
    top.set_weights([kernel, bias])
    return model


def trainable(weight: WeightFile, head: Head, logits: bool = False) -> keras.Model:
    """Build the network that tuning trains: with a head on its last features, one that says nothing for other heads.

    It gives probabilities, or `logits`, to which others are to be added.
    """
    extractor = build.extractor(weight.key, weight)
    if head.columns is None:
        return with_head(extractor, head)
    features, classes = extractor.output.shape[-1], len(head.bias)
    zeros = np.zeros((features, classes), np.float32)
    return _topped(extractor, zeros, head.bias * 0, "linear" if logits else "softmax")


def _deep(extractor: keras.Model, head: Head, columns: Rows) -> keras.Model:
    """Put a head that uses these columns on top of the depths that they belong to."""
    last, *others = depth.depths(extractor)
    kept = [last, *(one for one in others if one.holds_any(columns))]
    places = np.searchsorted(np.concatenate([np.arange(one.start, one.stop) for one in kept]), columns)
    count = sum(one.stop - one.start for one in kept)
    kernel, factor, shift = np.zeros((count, len(head.bias)), np.float32), *np.zeros((2, count), np.float32)
    kernel[places], factor[places], shift[places] = head.kernel, 1 / head.scale, -head.mean / head.scale
    return _topped(depth.standardised(depth.deepened(extractor, kept), factor, shift), kernel, head.bias)


def delivered(weight: WeightFile, head: Head, tuned: Path | None = None, share: float | None = None) -> keras.Model:
    """Build the model of one network: the assembled one, or one with tuned weights (`.weights.h5`).

    With a `share` both are joined: it is that of the tuned logits (`branch.branched`).
    """
    if tuned is None:
        return assemble(weight, head)
    model = trainable(weight, head, logits=share is not None)
    model.load_weights(str(tuned))
    return model if share is None else branch.branched(assemble(weight, head), model, head, share)


def calibrated(model: keras.Model, temperature: float) -> keras.Model:
    """Divide the model's logits by the temperature (Guo et al., ICML 2017), inside the last layer's own weights.

    This changes no answer, only the probabilities.
    """
    last = model.get_layer(OUTPUT)
    last.set_weights([value / np.float32(temperature) for value in last.get_weights()])
    return model


def head_of(model: keras.Model) -> Head:
    """Return the head of a model that has it on its network's last features alone, as tuning leaves it."""
    kernel, bias = model.get_layer(OUTPUT).get_weights()
    zeros = np.zeros(len(kernel), np.float32)
    return Head(zeros, zeros + 1, kernel, bias)


def save_network(model: keras.Model, path: Path) -> None:
    """Write the weights of a model's network, up to the pooled features, to a `.weights.h5` file."""
    keras.Model(model.input, model.get_layer(build.POOL).output).save_weights(str(path))
