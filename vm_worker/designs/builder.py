"""Build a Keras model from the layers of a network. Only this module of the folder imports Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from vm_worker.designs.layers import INPUT, Layer, Network
from vm_worker.designs.words import Convolution, Dense, Dropout, Plain, Pooling, Word

MOMENTUM = 0.9  # of batch normalization's averages: there may be only a few hundred steps
RADIUS, ALPHA, BETA, BIAS = 2, 1e-4, 0.75, 1.0  # of local response normalization, for 5 maps (Krizhevsky et al., 2012)


class LocalResponseNormalization(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Divide each value by what the maps beside it have there: x / (BIAS + ALPHA/5 * sum of squares)^BETA.

    Krizhevsky, Sutskever, Hinton (2012), section 3.3, with the average of the squares as Szegedy's GoogLeNet has it.
    A file with this layer needs this class; a model that is delivered has batch normalization in its place.
    """

    def call(self, inputs: Any) -> Any:
        """Normalize maps, (n, rows, columns, maps)."""
        ops, count = keras.ops, 2 * RADIUS + 1
        squares = ops.pad(ops.square(inputs), [[0, 0], [0, 0], [0, 0], [RADIUS, RADIUS]])
        depth = inputs.shape[-1]
        total = sum(squares[..., first : first + depth] for first in range(count))
        return inputs / ops.power(BIAS + ALPHA / count * total, BETA)


def build(network: Network, prepare: Callable[[Any], Any] | None = None, last: str | None = None) -> Any:
    """Return the Keras model: pictures (n, pixels, pixels, channels) in, probabilities (n, classes) in float32 out.

    `prepare` is applied to the pictures first; `last` is the name of the last layer.
    """
    image = keras.Input(network.layers[INPUT].shape, name="image")
    outputs: list[Any] = [image if prepare is None else prepare(image)]
    for layer in network.layers[1:-1]:
        outputs.append(_output(layer, [outputs[number] for number in layer.inputs]))
    before = outputs[network.layers[-1].inputs[0]]
    return keras.Model(image, _probabilities(before, network.given.classes, last))


def _probabilities(given: Any, classes: int, name: str | None) -> Any:
    last = keras.layers.Dense(classes, activation="softmax", dtype="float32", name=name)
    return last(keras.layers.GlobalAveragePooling2D()(given) if len(given.shape) == 4 else given)


def _output(layer: Layer, inputs: list[Any]) -> Any:
    if isinstance(layer.does, str):
        return JOINTS[layer.does]()(inputs)
    return _applied(layer.does, inputs[0])


def _applied(word: Word, given: Any) -> Any:
    match word:
        case Convolution():
            return _convolution(word, given)
        case Pooling(kind, window, step, padding):
            make = keras.layers.MaxPooling2D if kind == "MAX_POOLING" else keras.layers.AveragePooling2D
            return make(window, step, padding.lower())(given)
        case Dense(activation, units):
            return keras.layers.Dense(units, activation=activation.lower())(_flat(given))
        case Dropout(share):
            return keras.layers.Dropout(share)(given)
        case Plain(kind):
            return PLAIN[kind]()(given)
    raise TypeError(f"no layer for {word!r}")


def _normalization() -> Any:
    return keras.layers.BatchNormalization(momentum=MOMENTUM)


JOINTS: dict[str, Callable[[], Any]] = {"Add": keras.layers.Add, "DepthConcat": keras.layers.Concatenate}
PLAIN: dict[str, Callable[[], Any]] = {
    "LocalRespNorm": LocalResponseNormalization,
    "BatchNorm": _normalization,
    "GLOBAL_AVERAGE_POOLING": keras.layers.GlobalAveragePooling2D,
    "FLATTEN": keras.layers.Flatten,
    "RELU": keras.layers.ReLU,
}


def _convolution(word: Convolution, maps: Any) -> Any:
    settings = {"strides": word.step, "padding": word.padding.lower(), "use_bias": not word.normalized}
    match word.kind:
        case "CONV":
            maps = keras.layers.Conv2D(word.filters, word.kernel, **settings)(maps)
        case "SEP_CONV":
            maps = keras.layers.SeparableConv2D(word.filters, word.kernel, **settings)(maps)
        case _:
            maps = keras.layers.DepthwiseConv2D(word.kernel, **settings)(maps)
    if word.normalized:
        maps = _normalization()(maps)
    return maps if word.activation == "LINEAR" else keras.layers.Activation(word.activation.lower())(maps)


def _flat(given: Any) -> Any:
    return keras.layers.Flatten()(given) if len(given.shape) > 2 else given
