"""Grad-CAM by its closed form, against its definition."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.learn.judge.grad_cam import grad_cam
from vm_worker.learn.networks.assemble import OUTPUT
from vm_worker.learn.networks.build import POOL

PHOTOS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
CLASSES = np.array([0, 2, 1])


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(3)
    image = keras.Input((16, 16, 3))
    maps = keras.layers.Conv2D(5, 3, strides=4, activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    pooled = keras.layers.GlobalAveragePooling2D(name=POOL)(maps)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name=OUTPUT)(pooled))


def slopes(model: keras.Model, maps: NDArray[np.float32], label: int) -> NDArray[np.float64]:
    """Return the derivatives (h, w, c) of the class's logit by each value of the maps, from finite differences."""
    kernel, bias = model.get_layer(OUTPUT).get_weights()

    def logit(values: NDArray[np.float64]) -> float:
        return float((values.mean(axis=(0, 1)) @ kernel + bias)[label])

    found = np.zeros(maps.shape)
    for place in np.ndindex(maps.shape):
        moved = maps.astype(np.float64)
        moved[place] += 1e-3
        found[place] = (logit(moved) - logit(maps.astype(np.float64))) / 1e-3
    return found


def test_it_is_the_formula_of_the_paper(model: keras.Model) -> None:
    maps = np.asarray(keras.Model(model.inputs[0], model.get_layer(POOL).input)(PHOTOS.astype(np.float32)))
    found = grad_cam(model, PHOTOS, CLASSES)
    assert found.shape == maps.shape[:3]
    assert found.dtype == np.float32
    for number, label in enumerate(CLASSES):
        weights = slopes(model, maps[number], int(label)).mean(axis=(0, 1))  # equation 1
        wanted = np.maximum((maps[number] * weights).sum(axis=-1), 0)  # equation 2
        np.testing.assert_allclose(found[number], wanted / max(wanted.max(), 1e-12), atol=1e-4)


def test_a_map_is_0_where_no_place_raises_the_score(model: keras.Model) -> None:
    plain = keras.models.clone_model(model)
    kernel, bias = plain.get_layer(OUTPUT).get_weights()
    plain.get_layer(OUTPUT).set_weights([-np.abs(kernel), bias])
    assert grad_cam(plain, PHOTOS, CLASSES).max() == 0.0


def test_a_model_without_the_layers_is_refused() -> None:
    image = keras.Input((4,))
    with pytest.raises(ValueError, match="features"):
        grad_cam(keras.Model(image, keras.layers.Dense(2)(image)), PHOTOS, CLASSES)
