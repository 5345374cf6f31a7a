"""What several suites of units share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def tflite() -> bytes:
    """Says "dark" of dark photos and "light" of light ones, at 8 x 8."""
    import keras
    import tensorflow as tf

    inputs = keras.Input((8, 8, 3))
    dense = keras.layers.Dense(3, activation="softmax")
    network = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(inputs)))
    dense.set_weights([np.array([[-0.1, 0.1, 0.0]] * 3, np.float32), np.array([38.1, -38.1, -9], np.float32)])
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    return bytes(converter.convert())
