"""A Keras model of one photo as a TFLite file. For processes of their own: the converter can crash."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def traced(model: Any) -> Any:
    """The model's graph for one photo: (1, s, s, 3) float32 RGB 0..255 in."""
    photo = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")
    return tf.function(lambda image: model(image, training=False), input_signature=[photo]).get_concrete_function()


def converter(graph: Any) -> Any:
    """A fresh converter of a traced graph, its weights frozen into it."""
    return tf.lite.TFLiteConverter.from_concrete_functions([graph])


def float32(model: Any) -> bytes:
    """The file, as it is."""
    return bytes(converter(traced(model)).convert())


def dynamic_range(model: Any) -> bytes:
    """Weights in 8 bits, arithmetic in float32: what today's converter makes of Optimize.DEFAULT alone.

    OPTIMIZE_FOR_SIZE and OPTIMIZE_FOR_LATENCY, which the papers of 2020 compare, have become names for it.
    """
    lighter = converter(traced(model))
    lighter.optimizations = [tf.lite.Optimize.DEFAULT]
    return bytes(lighter.convert())
