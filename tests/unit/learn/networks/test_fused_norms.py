"""A head with fused norms learns what the head itself learns."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from vm_worker.learn.networks.fused_norms import FusedNorm, fused

SHAPE = (6, 5, 4)


def _head() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input(SHAPE)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9, name="first")(layers.Conv2D(8, 1)(image)))
    flat = layers.BatchNormalization(name="flat")(layers.Flatten()(x))  # no maps: it stays as it is
    return keras.Model(image, [layers.BatchNormalization(momentum=0.9, name="second")(x), flat])


def _learnt(head: keras.Model, learning: keras.Model) -> list[np.ndarray]:
    """Train for some steps, and return the head's own variables."""
    images = np.random.default_rng(1).normal(2.0, 3.0, (7, *SHAPE)).astype(np.float32)
    learning.compile(optimizer=keras.optimizers.SGD(0.05), loss=["mse", "mse"], jit_compile=False)
    for _ in range(4):
        learning.train_on_batch(images, [np.ones((7, 6, 5, 8), np.float32), np.zeros((7, 240), np.float32)])
    return [np.asarray(one) for one in head.get_weights()]


def test_kernels_and_averages_become_the_same() -> None:
    plain, other = _head(), _head()
    first = [np.asarray(one) for one in plain.get_weights()]
    expected, found = _learnt(plain, plain), _learnt(other, fused(other))
    assert any(np.abs(one - before).max() > 0.1 for one, before in zip(expected, first, strict=True))
    for one, same in zip(expected, found, strict=True):
        np.testing.assert_allclose(same, one, rtol=1e-4, atol=1e-5)


def test_answers_are_those_of_the_noted_averages() -> None:
    head = _head()
    images = np.random.default_rng(2).normal(size=(3, *SHAPE)).astype(np.float32)
    for one, same in zip(head.predict_on_batch(images), fused(head).predict_on_batch(images), strict=True):
        np.testing.assert_array_equal(one, same)


def test_norms_that_are_frozen_note_nothing() -> None:
    head = _head()
    head.get_layer("first").trainable = False
    before = head.get_layer("first").get_weights()
    _learnt(head, fused(head))
    for one, same in zip(before, head.get_layer("first").get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of the other backends")
def test_norms_of_maps_alone_are_fused() -> None:
    assert sum(isinstance(layer, FusedNorm) for layer in fused(_head()).layers) == 2
