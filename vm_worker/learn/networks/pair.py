"""Two networks as one flat Keras model: a shared picture, their pools, one concatenation, one dense layer.

The mean of two linear heads' logits is itself a linear head on the features of both. So a pair needs no layer that
averages, and its file holds nothing but built-in layers. A network beside itself at another side is there once: both
pictures pass through the same layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from vm_worker.learn.networks.catalogue import OUTPUT, POOL
from vm_worker.learn.networks.depth import DEPTHS, FLAT


def paired(first: keras.Model, second: keras.Model) -> keras.Model:
    """Join two networks with heads: raw RGB (None, s, s, 3) in 0..255 of the larger side -> probabilities (None, k).

    They are the softmax of the mean of both logits. The network with the smaller side gets the picture resized
    (bilinear). Layers of the second one that the first has with the same weights are used twice. The names of its
    others begin with its own name, as both may have layers of one name.
    """
    models = (first, second)
    size = max(model.input.shape[1] for model in models)
    image = keras.Input((size, size, 3), name="image")
    pools: list[Any] = []
    known: dict[str, keras.Layer] = {}
    for model, prefix in zip(models, ("", f"{second.name}_"), strict=True):
        joined, known = _repeated(model, _sized(image, model.input.shape[1], prefix), prefix, known)
        pools += joined
    tops = [model.get_layer(OUTPUT).get_weights() for model in models]
    top = layers.Dense(len(tops[0][1]), activation="softmax", dtype="float32", name=OUTPUT)
    flat = layers.Flatten(name=FLAT)(layers.Concatenate(name=DEPTHS)(pools))
    whole = keras.Model(image, top(flat), name="pair")
    top.set_weights([np.concatenate([kernel for kernel, _ in tops]) / 2, np.mean([bias for _, bias in tops], axis=0)])
    return whole


def _sized(image: Any, size: int, prefix: str) -> Any:
    """Return the picture at this side."""
    if image.shape[1] == size:
        return image
    # Resizing counts as called in training unless told otherwise, and so would all layers that follow in a plain call
    # of the model: batch normalization would use the photos at hand, and a pair of Lite0 and Lite2 was off by 0.8.
    return layers.Resizing(size, size, name=f"{prefix}resizing")(image, training=False)


def _repeated(
    model: keras.Model, image: Any, prefix: str, known: Mapping[str, keras.Layer]
) -> tuple[list[Any], dict[str, keras.Layer]]:
    """Repeat the model on this picture; return its pools in the order of the head's rows, and its layers with weights.

    Each pool is (None, 1, 1, c). Every catalogue network calls each of its layers once, in their order. A layer that is
    among the `known`, by its name in its model, is not made again.
    """
    ends = {DEPTHS, FLAT, OUTPUT}
    made: dict[int, Any] = {id(model.input): image}
    found: dict[str, keras.Layer] = {}
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer) or layer.name in ends:
            continue
        same = known.get(layer.name)
        if same is None or not _alike(layer, same):
            same = type(layer).from_config({**layer.get_config(), "name": f"{prefix}{layer.name}"})
        given = layer.input
        made[id(layer.output)] = same([made[id(one)] for one in given] if isinstance(given, list) else made[id(given)])
        same.set_weights(layer.get_weights())
        if layer.weights:
            found[layer.name] = same
    return _pools(model, made, prefix), found


def _pools(model: keras.Model, made: Mapping[int, Any], prefix: str) -> list[Any]:
    names = {layer.name for layer in model.layers}
    if FLAT not in names:
        pool = made[id(model.get_layer(POOL).output)]
        return [layers.Reshape((1, 1, pool.shape[-1]), name=f"{prefix}place")(pool)]
    joined = model.get_layer(DEPTHS).input if DEPTHS in names else [model.get_layer(FLAT).input]
    return [made[id(pool)] for pool in joined]


def _alike(one: keras.Layer, other: keras.Layer) -> bool:
    """Return whether two layers compute the same of every picture, of whatever side."""
    configs = [{**layer.get_config(), "name": ""} for layer in (one, other)]
    weights = one.get_weights(), other.get_weights()
    return type(one) is type(other) and configs[0] == configs[1] and all(map(np.array_equal, *weights))
