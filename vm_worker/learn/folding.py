"""Frozen batch normalisation, folded into the convolution before it: the same function, learnt from in fewer steps.

With averages that never move, normalisation is a product and a sum for each channel. The product can be had by the
kernel and the sum by a bias (Jacob et al., CVPR 2018, section 3.2), which are small, in place of the activations,
which are large. The kernels stay what is trained: their gradients are the same but for rounding.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
from keras import layers, ops

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def freeze_norms(model: keras.Model) -> None:
    """BatchNormalization in inference mode for good.

    `training=False` in the call does not hold in `fit` (Keras issue 20285); only `trainable = False` does,
    and averages taken from small batches of a small set ruin the network.
    """
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def folded(model: keras.Model) -> keras.Model:
    """The same function of the same variables; the norms of what it is made of are frozen. To be trained, not saved."""
    freeze_norms(model)
    norms = _behind_convolutions(model)
    folds = {norm.name for norm in norms.values()}

    def call(layer: Any, *inputs: Any, **more: Any) -> Any:
        if layer.name in norms:
            return Folded(layer, norms[layer.name])(*inputs)
        return inputs[0] if layer.name in folds else layer(*inputs, **more)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


class Folded(layers.Layer):  # type: ignore[misc]  # keras has no types
    """A convolution and the frozen normalisation behind it, as one convolution."""

    def __init__(self, convolution: Any, norm: layers.BatchNormalization) -> None:
        super().__init__(name=f"{convolution.name}_folded")
        self._convolution, self._norm = convolution, norm

    def call(self, images: Any) -> Any:
        """(m, h, w, c) -> (m, h', w', c')."""
        one, norm = self._convolution, self._norm
        scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
        if norm.scale:
            scale = scale * norm.gamma
        shift = -norm.moving_mean * scale
        if norm.center:
            shift = shift + norm.beta
        if one.use_bias:
            shift = shift + one.bias * scale
        # Such a sum becomes part of the convolution in TensorFlow's graphs.
        return ops.add(_convolved(one, images, scale), ops.reshape(shift, (1, 1, 1, -1)))


def _convolved(one: Any, images: Any, scale: Any) -> Any:
    options = {"strides": tuple(one.strides), "padding": one.padding, "dilation_rate": one.dilation_rate}
    if isinstance(one, layers.SeparableConv2D):
        return ops.separable_conv(images, one.depthwise_kernel, one.pointwise_kernel * scale, **options)
    if isinstance(one, layers.DepthwiseConv2D):
        channels, multiplier = one.kernel.shape[2:]
        return ops.depthwise_conv(images, one.kernel * ops.reshape(scale, (channels, multiplier)), **options)
    return ops.conv(images, one.kernel * scale, **options)


def _behind_convolutions(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """By the name of a convolution: the norm that alone takes what it gives."""
    inner = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    taken = Counter(tensor._keras_history.operation.name for layer in inner for tensor in _inputs(layer))
    found = {}
    for norm in inner:
        before = _inputs(norm)[0]._keras_history.operation
        if not isinstance(norm, layers.BatchNormalization) or not isinstance(before, CONVOLUTIONS):
            continue
        plain = taken[before.name] == 1 and before.data_format == "channels_last" and norm.axis in (-1, 3)
        grouped = getattr(before, "groups", 1) > 1
        if plain and not grouped and before in inner and before.activation is keras.activations.linear:
            found[before.name] = norm
    return found


def _inputs(layer: Any) -> list[Any]:
    return list(layer.input) if isinstance(layer.input, list) else [layer.input]
