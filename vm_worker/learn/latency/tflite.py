"""Conversion of a Keras model to a TFLite file for one photo, in a process of its own: the converter can crash."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def traced(model: Any) -> Any:
    """Return the model's graph for one photo (1, s, s, 3), float32 RGB in 0..255."""
    photo = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")
    return tf.function(lambda image: model(image, training=False), input_signature=[photo]).get_concrete_function()


def converter(graph: Any) -> Any:
    """Return a new converter of a traced graph; the weights are constants in it."""
    return tf.lite.TFLiteConverter.from_concrete_functions([graph])


def float32(model: Any) -> bytes:
    """Return the contents of the TFLite file with weights and arithmetic in float32."""
    return bytes(converter(traced(model)).convert())


def dynamic_range(model: Any) -> bytes:
    """Return the contents of the TFLite file with weights in 8 bits and arithmetic in float32.

    This is what Optimize.DEFAULT alone gives. OPTIMIZE_FOR_SIZE and OPTIMIZE_FOR_LATENCY, which the papers of 2020
    compare, are today other names for it.
    """
    quantised = converter(traced(model))
    quantised.optimizations = [tf.lite.Optimize.DEFAULT]
    return bytes(quantised.convert())
