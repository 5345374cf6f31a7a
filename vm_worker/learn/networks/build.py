"""Build the network of a catalogue row as one flat Keras model: raw RGB in, pooled features out."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import keras
import numpy as np
from keras import layers

from vm_worker.learn.networks import designed, efficientnet_lite, small, small_rows, torch_pickle
from vm_worker.learn.networks.catalogue import POOL as POOL
from vm_worker.learn.networks.catalogue import Backbone, Cut, Preprocessing, Side, find
from vm_worker.learn.networks.weights import DOWNLOAD, EARLIER, WeightFile

IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of red, green and blue in 0..1
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def extractor(key: str, weight: WeightFile | None, sides: tuple[int, int] | None = None) -> keras.Model:
    """Build the network of this key: raw RGB (None, s, s, 3) float32 in 0..255 -> pooled features (None, d).

    Its weights are random where `weight` is None. `sides` are the height and width of its pictures, where they are
    not the row's own; a network from scratch has its own always. Raises KeyError for a key that no row has.
    """
    if key in small_rows.ROWS or (weight is not None and weight.plan is not None):
        return _from_scratch(key, weight)
    if weight is not None and weight.kind == EARLIER:
        model = extractor(key, None, sides)
        model.load_weights(str(weight.path))
        return model
    row = find(key)
    image = keras.Input((*(sides or (row.size, row.size)), 3), name="image")
    prepared = _prepared(row, image)
    if row.application:
        base = _only_built_in(_application(row, weight, prepared))
        return keras.Model(base.inputs[0], _pooled(base.output), name=key)
    maps = efficientnet_lite.extend(row.source, prepared)
    if weight is not None:
        efficientnet_lite.load_state(keras.Model(prepared, maps), row.source, torch_pickle.read_state(weight.path))
    return keras.Model(image, _pooled(maps), name=key)


def _from_scratch(key: str, weight: WeightFile | None) -> keras.Model:
    plan = None if weight is None else weight.plan
    _, model = small.built(key) if plan is None else designed.built(plan, 2, key)
    if weight is not None:
        model.load_weights(str(weight.path))
    return model


def _pooled(maps: Any) -> Any:
    return layers.GlobalAveragePooling2D(name=POOL)(maps)


def tensor_at(model: keras.Model, cut: Cut) -> Any:
    """Return the symbolic tensor at a cut. Raises ValueError where the model has no such layer."""
    layer = model.get_layer(cut.layer)
    return layer.input if cut.side is Side.BEFORE else layer.output


def _prepared(row: Backbone, image: Any) -> Any:
    """Preprocess with built-in layers alone, so that every loader understands the delivered file."""
    match row.preprocessing:
        case Preprocessing.PLUS_MINUS_ONE:
            return layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(image)
        case Preprocessing.LITE:
            return layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocessing")(image)
        case Preprocessing.BGR_MINUS_MEAN:
            flip = layers.Conv2D(3, 1, trainable=False, name="preprocessing")
            prepared = flip(image)
            kernel = np.eye(3, dtype=np.float32)[::-1].reshape(1, 1, 3, 3)
            flip.set_weights([kernel, -np.array(IMAGENET_BGR_MEAN, np.float32)])
            return prepared
        case Preprocessing.MEAN_AND_DEVIATION:
            return _mean_and_deviation(255.0, "preprocessing")(image)
        case Preprocessing.BUILT_IN:
            return image


def _application(row: Backbone, weight: WeightFile | None, prepared: Any) -> Any:
    """Build the network that the row names, its layers directly behind the preprocessing and not in a nested model."""
    build = _builder(row.application)
    whole = build(include_top=False, weights=None, input_tensor=prepared)
    if weight is not None:
        base = keras.Model(prepared, whole.output)  # the same layers, without the preprocessing
        if weight.kind == DOWNLOAD:
            base.set_weights(build(include_top=False, weights="imagenet").get_weights())
        else:
            base.load_weights(str(weight.path))
    return whole


def _builder(name: str) -> Callable[..., Any]:
    """Find the function that builds a network: of keras.applications unless it is named "package.module:function"."""
    module, _, function = name.rpartition(":")
    found: Callable[..., Any] = getattr(import_module(module) if module else keras.applications, function)
    return found


def _mean_and_deviation(full: float, name: str) -> keras.Layer:
    """Make the layer that standardises each channel as ImageNet's; `full` is the input's largest value."""
    scale = [1 / (full * deviation) for deviation in IMAGENET_DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_DEVIATION, strict=True)]
    return layers.Rescaling(scale, offset, name=name)


def _only_built_in(model: keras.Model) -> keras.Model:
    """Replace what a loader without keras.applications could not read by built-in layers.

    InceptionResNetV2 has a scaling layer of its own, which no plain loader knows: it becomes a plain sum.
    MobileNetV3 has sums and products with a number that are no layers, and an .h5 file loses them: they become
    layers. EfficientNetB0 has a normalisation that keras.applications completes only while it downloads its
    weights: it becomes constants.
    """
    if not any(_scales(op) or _normalises(op) or _is_no_layer(op) for op in model.operations):
        return model
    plain = keras.models.clone_model(model, clone_function=_plain, call_function=_call)
    for layer in model.layers:
        if not _normalises(layer):
            plain.get_layer(layer.name).set_weights(layer.get_weights())
    for scaling in filter(_scales, model.layers):
        # x + scale * (kernel * y + bias): the scale moves into the convolution that makes the second summand.
        summand = plain.get_layer(scaling.input[1]._keras_history.operation.name)
        summand.set_weights([scaling.scale * value for value in summand.get_weights()])
    return plain


def _scales(op: Any) -> bool:
    return type(op).__name__ == "CustomScaleLayer"


def _normalises(op: Any) -> bool:
    return isinstance(op, layers.Normalization) and op.input_mean is None


def _is_no_layer(op: Any) -> bool:
    return not isinstance(op, keras.Layer)


def _plain(op: Any) -> Any:
    if _scales(op):
        return layers.Add(name=op.name)
    if _normalises(op):
        return _mean_and_deviation(1.0, op.name)  # behind the network's own division by 255
    if _is_no_layer(op):
        number = float(op._inbound_nodes[0].arguments.args[1])
        change = {"Add": {"scale": 1.0, "offset": number}, "Multiply": {"scale": number}}[type(op).__name__]
        return layers.Rescaling(**change, name=op.name)
    return type(op).from_config(op.get_config())


def _call(layer: Any, first: Any, *more: Any, **named: Any) -> Any:
    """Call a layer; the number of a former sum or product is left out, as its layer now holds it."""
    return layer(first) if isinstance(layer, layers.Rescaling) else layer(first, *more, **named)
