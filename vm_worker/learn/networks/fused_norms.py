"""Batch normalisation by TensorFlow's fused operation: the same function and gradients in half the time on CPUs.

Keras computes averages, variances and the normalised values by separate operations, forwards and backwards. In a head
of separable convolutions these take as long as the convolutions do.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def fused(model: keras.Model) -> keras.Model:
    """Rebuild the model with fused norms: the same function of the same variables. For training, not for saving.

    On other backends than TensorFlow it is the model itself.
    """
    if keras.backend.backend() != "tensorflow":
        return model

    def call(layer: Any, *inputs: Any, **more: Any) -> Any:
        return FusedNorm(layer)(*inputs) if _plain(layer) else layer(*inputs, **more)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


class FusedNorm(layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer in place of a BatchNormalization, whose variables it learns."""

    def __init__(self, norm: layers.BatchNormalization) -> None:
        super().__init__(name=f"{norm.name}_fused")
        self._norm = norm

    def call(self, maps: Any, training: bool | None = None) -> Any:
        """Normalise maps (m, h, w, c) by their own averages, and note these; not in training by the noted ones."""
        one = self._norm
        if not training or not one.trainable:
            return one(maps, training=False)
        import tensorflow as tf  # of this backend alone

        normed, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=maps, scale=one.gamma, offset=one.beta, mean=[], variance=[], epsilon=one.epsilon, is_training=True
        )
        # The operation gives the variance of a sample, n / (n - 1) times that of these values.
        count = tf.cast(tf.size(maps) / tf.shape(maps)[-1], variance.dtype)
        variance *= (count - 1) / count
        for moving, now in ((one.moving_mean, mean), (one.moving_variance, variance)):
            moving.assign(moving * one.momentum + now * (1 - one.momentum))
        return normed


def _plain(layer: Any) -> bool:
    """Return whether `FusedNorm` can take the layer's place."""
    if not isinstance(layer, layers.BatchNormalization):
        return False
    rank = len(layer.input.shape)
    return rank == 4 and layer.axis in (-1, 3) and layer.scale and layer.center
