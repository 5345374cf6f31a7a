"""Grad-CAM of the delivered model: maps of the places of a photo that raise the score of a class.

The source is Selvaraju et al. (2017), section 3.

The weight of channel k for class c is the mean gradient of the class's score, before the softmax, over the feature
maps. Here only global averages and one Dense layer follow the maps, so the gradient is the same at every place: the
Dense kernel divided by the number of places. The formula then needs no backward pass (their appendix A shows this for
the case of Zhou et al. 2016), and it works with every backend. Where the model averages the maps of several depths,
the sum of their maps is what the score is made of.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.networks.catalogue import OUTPUT, POOL
from vm_worker.learn.networks.depth import DEPTHS, FLAT


def grad_cam(model: keras.Model, images: NDArray[np.uint8], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the maps (n, h, w), float32 in 0..1, for `classes` (n,) on RGB images (n, size, size, 3).

    The largest value of each map is 1; a map where no place raises the score of the class is all 0. Raises
    ValueError for a model without the layers that `assemble` gives it.
    """
    pools = _pools(model)
    found = keras.Model(model.inputs[0], [pool.input for pool in pools])(np.asarray(images, np.float32), training=False)
    maps = found if isinstance(found, list) else [found]
    kernel = _factors(model) * np.asarray(model.get_layer(OUTPUT).get_weights()[0], np.float32)
    ends = np.cumsum([pool.output.shape[-1] for pool in pools])[:-1]
    # In the mean over its places each map is its part of the score, so they add up at any resolution.
    parts = [
        np.einsum("nhwc,nc->nhw", np.asarray(values, np.float32), weights[:, classes].T)
        for values, weights in zip(maps, np.split(kernel, ends), strict=True)
    ]
    side = max(part.shape[1:] for part in parts)
    raised = np.maximum(sum(_enlarged(part, side) for part in parts), 0.0)
    most = raised.max(axis=(1, 2), keepdims=True)
    return np.asarray(raised / np.where(most > 0, most, 1.0), np.float32)


def applies_to(model: keras.Model) -> bool:
    """Return whether the model keeps places apart up to the global average; AlexNet's dense layers mix them."""
    return any(layer.name == POOL for layer in model.layers)


def _pools(model: keras.Model) -> list[Any]:
    """Return the layers that average maps, in the order of the kernel's rows."""
    last = model.get_layer(POOL)
    return [_average(tensor) for tensor in _joined(model)] or [last]


def _joined(model: keras.Model) -> list[Any]:
    """Return the tensors that are joined before the kernel; none where it follows the last features alone."""
    names = {layer.name for layer in model.layers}
    if FLAT not in names:
        return []
    return list(model.get_layer(DEPTHS).input) if DEPTHS in names else [model.get_layer(FLAT).input]


def _average(tensor: Any) -> Any:
    """Return the layer of the average that became this tensor."""
    layer, number, _ = tensor._keras_history
    if isinstance(layer, keras.layers.GlobalAveragePooling2D):
        return layer
    return _average(layer._inbound_nodes[number].input_tensors[0])  # a pair may use a layer twice


def _factors(model: keras.Model) -> NDArray[np.float32]:
    """Return (d, 1) what each average is multiplied by before the kernel; (1, 1) where nothing is joined."""
    factors = [np.ones(1, np.float32)]
    if joined := _joined(model):
        scales = ((tensor._keras_history.operation.get_weights(), tensor.shape[-1]) for tensor in joined)
        factors = [np.ravel(weights[0]) if weights else np.ones(width, np.float32) for weights, width in scales]
    return np.concatenate(factors)[:, None]


def _enlarged(maps: NDArray[np.float32], side: tuple[int, ...]) -> NDArray[np.float32]:
    """Enlarge maps (n, h, w) to this height and width; each place takes the value of the nearest one."""
    rows, columns = (np.arange(whole) * own // whole for whole, own in zip(side, maps.shape[1:], strict=True))
    return maps[:, rows[:, None], columns]
