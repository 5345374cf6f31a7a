"""Build what a catalogue row describes: raw RGB in, pooled features out, as one flat Keras model."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from vm_worker.learn import lite, torch_pickle
from vm_worker.learn.backbones import CATALOGUE, Backbone, Cut, Preprocessing, Side
from vm_worker.learn.weights import DOWNLOAD, WeightFile

IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)
POOL = "features"  # the pooling layer's name


def extractor(key: str, weight: WeightFile | None) -> keras.Model:
    """Raw RGB (None, s, s, 3) float32 in 0..255 -> pooled features (None, d); random where `weight` is None."""
    row = CATALOGUE[key]
    image = keras.Input((row.size, row.size, 3), name="image")
    prepared = _prepared(row, image)
    if row.application:
        base = _only_built_in(_application(row, weight, prepared))
        return keras.Model(base.inputs[0], _pooled(base.output), name=key)
    maps = lite.extend(key, prepared)
    if weight is not None:
        lite.load_state(keras.Model(prepared, maps), key, torch_pickle.read_state(weight.path))
    return keras.Model(image, _pooled(maps), name=key)


def _pooled(maps: Any) -> Any:
    return layers.GlobalAveragePooling2D(name=POOL)(maps)


def tensor_at(model: keras.Model, cut: Cut) -> Any:
    """The symbolic tensor at a cut."""
    layer = model.get_layer(cut.layer)
    return layer.input if cut.side is Side.BEFORE else layer.output


def _prepared(row: Backbone, image: Any) -> Any:
    """Preprocessing from built-in layers alone, so that every loader understands the delivered file."""
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
        case Preprocessing.BUILT_IN:
            return image


def _application(row: Backbone, weight: WeightFile | None, prepared: Any) -> Any:
    """A keras.applications network, its layers laid flat behind the preprocessing."""
    build = getattr(keras.applications, row.application)
    whole = build(include_top=False, weights=None, input_tensor=prepared)
    if weight is not None:
        base = keras.Model(prepared, whole.output)  # the same layers, without the preprocessing
        if weight.kind == DOWNLOAD:
            base.set_weights(build(include_top=False, weights="imagenet").get_weights())
        else:
            base.load_weights(str(weight.path))
    return whole


def _only_built_in(model: keras.Model) -> keras.Model:
    """The model with InceptionResNetV2's own scaling layer, which no plain loader knows, as a plain sum."""
    scalings = [layer for layer in model.layers if _scales(layer)]
    if not scalings:
        return model
    plain = keras.models.clone_model(model, clone_function=_plain)
    plain.set_weights(model.get_weights())
    for scaling in scalings:
        # x + scale * (kernel * y + bias): the scale moves into the convolution that makes the second summand.
        summand = plain.get_layer(scaling.input[1]._keras_history.operation.name)
        summand.set_weights([scaling.scale * value for value in summand.get_weights()])
    return plain


def _scales(layer: Any) -> bool:
    return type(layer).__name__ == "CustomScaleLayer"


def _plain(layer: Any) -> Any:
    return layers.Add(name=layer.name) if _scales(layer) else type(layer).from_config(layer.get_config())
