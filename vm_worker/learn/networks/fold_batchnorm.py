"""Fold frozen batch normalisation into the convolution before it: the same function, faster to train.

With frozen averages, normalisation is a product and a sum for each channel. The product can be applied to the kernel
and the sum to a bias (Jacob et al., CVPR 2018, section 3.2). Both are small, while the activations are large.
The kernels are still what is trained: their gradients are the same, apart from rounding.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers, ops

from vm_worker.learn.networks.precision import SINGLE

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def freeze_norms(model: keras.Model) -> None:
    """Keep every BatchNormalization layer in inference mode for good.

    `training=False` in the call does not hold in `fit` (Keras issue 20285); only `trainable = False` does,
    and averages taken from small batches of a small set ruin the network.
    """
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def folded(model: keras.Model, products: str = SINGLE) -> keras.Model:
    """Rebuild the model with folded norms: the same function of the same variables. For training, not for saving.

    The model's own norms are frozen, too. `products` is the dtype that convolutions multiply in; their inputs and
    outputs are float32.
    """
    freeze_norms(model)
    norms = _behind_convolutions(model)
    folds = {norm.name for norm in norms.values()}

    def call(layer: Any, *inputs: Any, **more: Any) -> Any:
        if layer.name in norms or (products != SINGLE and type(layer) is layers.Conv2D and _plain(layer)):
            return Folded(layer, norms.get(layer.name), products)(*inputs)
        return inputs[0] if layer.name in folds else layer(*inputs, **more)

    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)


class Folded(layers.Layer):  # type: ignore[misc]  # keras has no types
    """A single convolution in place of a convolution and the frozen normalisation behind it, where there is one."""

    def __init__(self, convolution: Any, norm: layers.BatchNormalization | None, products: str) -> None:
        super().__init__(name=f"{convolution.name}_folded")
        self._convolution, self._norm, self._products = convolution, norm, products

    def call(self, images: Any) -> Any:
        """Apply the convolution: (m, h, w, c) -> (m, h', w', c')."""
        one, (scale, shift) = self._convolution, self._affine()
        maps = _Convolving(one, self._products).maps(images, scale)
        # Such a sum becomes part of the convolution in TensorFlow's graphs.
        return one.activation(maps if shift is None else ops.add(maps, ops.reshape(shift, (1, 1, 1, -1))))

    def _affine(self) -> tuple[Any, Any]:
        """Compute the factor and the summand of each channel, (c',) each; None: nothing to multiply or to add."""
        one, norm = self._convolution, self._norm
        bias = one.bias if one.use_bias else None
        if norm is None:
            return None, bias
        scale = ops.rsqrt(norm.moving_variance + norm.epsilon)
        if norm.scale:
            scale = scale * norm.gamma
        shift = -norm.moving_mean * scale
        if norm.center:
            shift = shift + norm.beta
        return scale, shift if bias is None else shift + bias * scale


@dataclass(frozen=True)
class _Convolving:
    """A convolution without its bias."""

    layer: Any
    products: str

    def maps(self, images: Any, scale: Any) -> Any:
        """Convolve, and multiply each channel by its scale: (m, h', w', c')."""
        one = self.layer
        if isinstance(one, layers.SeparableConv2D):
            between = ops.depthwise_conv(images, one.depthwise_kernel, **self._options)
            return self._product(between, one.pointwise_kernel * scale, {"padding": "valid"})
        if isinstance(one, layers.DepthwiseConv2D):  # no product of matrices: half precision makes it no faster
            channels, multiplier = one.kernel.shape[2:]
            return ops.depthwise_conv(images, one.kernel * ops.reshape(scale, (channels, multiplier)), **self._options)
        return self._product(images, one.kernel if scale is None else one.kernel * scale, self._options)

    @property
    def _options(self) -> dict[str, Any]:
        one = self.layer
        return {"strides": tuple(one.strides), "padding": one.padding, "dilation_rate": one.dilation_rate}

    def _product(self, images: Any, kernel: Any, options: dict[str, Any]) -> Any:
        return ops.cast(ops.conv(ops.cast(images, self.products), ops.cast(kernel, self.products), **options), SINGLE)


def _plain(one: Any) -> bool:
    """Return whether `Folded` can take the convolution's place."""
    return one.data_format == "channels_last" and getattr(one, "groups", 1) == 1


def _behind_convolutions(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """Find the convolutions whose output goes to one norm and nowhere else: {convolution's name: norm}."""
    inner = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    taken = Counter(tensor._keras_history.operation.name for layer in inner for tensor in _inputs(layer))
    found = {}
    for norm in inner:
        before = _inputs(norm)[0]._keras_history.operation
        if not isinstance(norm, layers.BatchNormalization) or not isinstance(before, CONVOLUTIONS):
            continue
        alone = taken[before.name] == 1 and norm.axis in (-1, 3) and before in inner
        if alone and _plain(before) and before.activation is keras.activations.linear:
            found[before.name] = norm
    return found


def _inputs(layer: Any) -> list[Any]:
    return list(layer.input) if isinstance(layer.input, list) else [layer.input]
