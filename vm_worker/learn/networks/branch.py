"""A frozen network with a head of all depths, and a trained copy of its upper layers, as one flat Keras model.

The layers below are shared. The mean of linear heads is a linear head on all that they see, so the trained copy's
average is one more part of the features that are joined before the one dense layer.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from vm_worker.learn.heads.halves import halved
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.networks.catalogue import OUTPUT, POOL
from vm_worker.learn.networks.depth import DEPTHS, FLAT

PREFIX = "tuned_"  # of the names of the trained layers


def branched(frozen: keras.Model, trained: keras.Model, head: Head, share: float) -> keras.Model:
    """Join the frozen network with its head of all depths and the same network as tuning has trained it.

    `frozen` gives probabilities by `head`, of all depths, which `assemble.with_head` has put on it; `trained` gives in
    its last layer what is to stand in place of the head's logits of the last features. The result, raw RGB
    (None, s, s, 3) -> probabilities (None, k), replaces this share of them. It shares the layers of `frozen`.
    """
    pool = _repeated(frozen, trained)
    last = halved(head, pool.shape[-1]).last
    place = layers.Reshape((1, 1, pool.shape[-1]), name=f"{PREFIX}place")(pool)
    scale = layers.DepthwiseConv2D(1, name=f"{PREFIX}scale")  # as in `depth.standardised`
    names = {layer.name for layer in frozen.layers}
    joined = frozen.get_layer(DEPTHS).input if DEPTHS in names else [frozen.get_layer(FLAT).input]
    flat = layers.Flatten(name=FLAT)(layers.Concatenate(name=DEPTHS)([*joined, scale(place)]))
    top = layers.Dense(len(head.bias), activation="softmax", dtype="float32", name=OUTPUT)
    whole = keras.Model(frozen.input, top(flat), name=frozen.name)
    scale.set_weights([(1 / last.scale).reshape(1, 1, -1, 1), -last.mean / last.scale])
    kernel, bias = frozen.get_layer(OUTPUT).get_weights()
    kernel[: pool.shape[-1]] *= 1 - share  # the last features are the first columns
    rows, constant = trained.get_layer(OUTPUT).get_weights()
    constant = constant + last.mean @ rows
    top.set_weights([np.concatenate([kernel, share * last.scale[:, None] * rows]), bias + share * constant])
    return whole


def _repeated(frozen: keras.Model, trained: keras.Model) -> Any:
    """Repeat the trained layers on those of `frozen` that tuning left as they were; return their pooled features.

    Both have the same layers in the same order, each of which is called once; their names may differ.
    """
    base, network = (keras.Model(one.input, one.get_layer(POOL).output) for one in (frozen, trained))
    made: dict[int, Any] = {id(trained.input): frozen.input}
    changed: set[int] = set()  # outputs of layers that tuning has changed, or that lie above such a layer
    for layer, same in zip(network.layers, base.layers, strict=True):
        if isinstance(layer, layers.InputLayer):
            continue
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        if changed.isdisjoint(map(id, given)) and _alike(layer, same):
            made[id(layer.output)] = same.output
            continue
        changed.add(id(layer.output))
        copy = type(layer).from_config({**layer.get_config(), "name": f"{PREFIX}{same.name}"})
        tensors = [made[id(one)] for one in given]
        made[id(layer.output)] = copy(tensors if isinstance(layer.input, list) else tensors[0])
        copy.set_weights(layer.get_weights())
    return made[id(trained.get_layer(POOL).output)]


def _alike(one: keras.Layer, other: keras.Layer) -> bool:
    return all(map(np.array_equal, one.get_weights(), other.get_weights()))
