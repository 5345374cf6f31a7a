"""Where the model looked: Grad-CAM of the delivered model (Selvaraju et al. 2017, section 3).

The weight of channel k for class c is the mean gradient of the class's score, before the softmax, over the last
feature maps. Here these maps go through a global average and one Dense layer alone, so that the gradient is
the same everywhere: the Dense kernel over the number of places. The formula then needs no backward pass (their
appendix A shows this for the case of Zhou et al. 2016), and it holds with every backend.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.networks.catalogue import OUTPUT, POOL


def grad_cam(model: keras.Model, images: NDArray[np.uint8], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n, h, w) float32 maps in 0..1 of what speaks for `classes` (n,), of (n, size, size, 3) RGB images.

    The brightest place of each map is 1; a map without any place that speaks for the class is all 0. Raises
    ValueError for a model without the layers that `assemble` gives it.
    """
    maps = np.asarray(_features(model)(np.asarray(images, np.float32), training=False), np.float32)
    kernel = np.asarray(model.get_layer(OUTPUT).get_weights()[0], np.float32)
    places = maps.shape[1] * maps.shape[2]
    weights = kernel[:, classes].T / places
    speaks = np.maximum(np.einsum("nhwc,nc->nhw", maps, weights), 0.0)
    most = speaks.max(axis=(1, 2), keepdims=True)
    return np.asarray(speaks / np.where(most > 0, most, 1.0), np.float32)


def possible(model: keras.Model) -> bool:
    """The model has places to look at: AlexNet's dense layers mix them."""
    return any(layer.name == POOL for layer in model.layers)


def _features(model: keras.Model) -> Any:
    return keras.Model(model.inputs[0], model.get_layer(POOL).input)
