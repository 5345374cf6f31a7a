"""What the layers above a cut cost in training: estimates from their shapes alone."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import Cut

FIRST_LAYERS = (layers.InputLayer, layers.Rescaling)
UNKEPT = (*FIRST_LAYERS, layers.BatchNormalization)  # normalisation is folded into the convolutions
# Operations other than matrix products wait for memory. Their costs, in multiplications of a matrix product, are fitted
# to the training steps of seven networks above three cuts each, on a CPU (tests/benchmarks/shares.py). With them the
# estimates are right within a factor of 1.2, without them within 1.5.
DEPTHWISE_COST = 4.0  # of a multiplication in a depthwise convolution
ELEMENT_COST = 20.0  # of an element of any layer's output


def share_above(model: keras.Model, cut: Cut) -> float:
    """Estimate the share of a forward pass above the cut, 0..1, by its layers' multiplications and outputs."""
    tail = {layer.name for layer in keras.Model(build.tensor_at(model, cut), model.output).layers}
    costs = {layer.name: _cost(layer) for layer in model.layers}
    return sum(cost for name, cost in costs.items() if name in tail) / sum(costs.values())


def activations_at(model: keras.Model, cut: Cut) -> int:
    """Return the number of activations of one picture at the cut."""
    return int(np.prod(build.tensor_at(model, cut).shape[1:]))


def activations_above(model: keras.Model, cut: Cut) -> int:
    """Return the number of activations of one picture that a step of training keeps above the cut."""
    tail = keras.Model(build.tensor_at(model, cut), model.output)
    shapes = [_shape(layer) for layer in tail.layers if not isinstance(layer, UNKEPT)]
    return int(sum(np.prod(shape) for shape in shapes))


def _cost(layer: layers.Layer) -> float:
    """Estimate a layer's cost for one picture, in multiplications of a matrix product."""
    if isinstance(layer, FIRST_LAYERS):
        return 0.0
    shape = _shape(layer)
    elements = ELEMENT_COST * float(np.prod(shape))
    if not isinstance(layer, layers.DepthwiseConv2D | layers.Conv2D | layers.SeparableConv2D):
        return elements
    positions = float(np.prod(shape[:2]))
    if isinstance(layer, layers.DepthwiseConv2D):
        return elements + DEPTHWISE_COST * float(np.prod(layer.kernel.shape[:3])) * positions
    kernels = [weight for weight in layer.trainable_weights + layer.non_trainable_weights if weight.ndim == 4]
    return elements + float(sum(np.prod(kernel.shape) for kernel in kernels)) * positions


def _shape(layer: layers.Layer) -> tuple[int, ...]:
    """Return the shape of a layer's output for one picture."""
    out = layer.output[0] if isinstance(layer.output, list) else layer.output
    return tuple(out.shape[1:])
