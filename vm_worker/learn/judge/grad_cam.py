"""Grad-CAM of the delivered model: maps of the places of a photo that raise the score of a class.

The source is Selvaraju et al. (2017), section 3.

The weight of channel k for class c is the mean gradient of the class's score, before the softmax, over the last
feature maps. Here only a global average and one Dense layer follow these maps, so the gradient is the same at every
place: the Dense kernel divided by the number of places. The formula then needs no backward pass (their appendix A
shows this for the case of Zhou et al. 2016), and it works with every backend.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.networks.catalogue import OUTPUT, POOL


def grad_cam(model: keras.Model, images: NDArray[np.uint8], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the maps (n, h, w), float32 in 0..1, for `classes` (n,) on RGB images (n, size, size, 3).

    The largest value of each map is 1; a map where no place raises the score of the class is all 0. Raises
    ValueError for a model without the layers that `assemble` gives it.
    """
    maps = np.asarray(_features(model)(np.asarray(images, np.float32), training=False), np.float32)
    kernel = np.asarray(model.get_layer(OUTPUT).get_weights()[0], np.float32)
    places = maps.shape[1] * maps.shape[2]
    weights = kernel[:, classes].T / places
    raised = np.maximum(np.einsum("nhwc,nc->nhw", maps, weights), 0.0)
    most = raised.max(axis=(1, 2), keepdims=True)
    return np.asarray(raised / np.where(most > 0, most, 1.0), np.float32)


def applies_to(model: keras.Model) -> bool:
    """Return whether the model keeps places apart up to the global average; AlexNet's dense layers mix them."""
    return any(layer.name == POOL for layer in model.layers)


def _features(model: keras.Model) -> Any:
    return keras.Model(model.inputs[0], model.get_layer(POOL).input)
