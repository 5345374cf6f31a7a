"""Files of Keras without what an older Keras does not know: the same answers, the arguments that count kept."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from vm_worker.exports import files, older_keras

PHOTOS = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
# What Keras 3.5 (TensorFlow 2.17) knows, as `get_config` and `inspect.signature` said there.
KNOWN = {
    "InputLayer": "batch_shape sparse ragged optional",
    "Resizing": "height width interpolation crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value data_format",
    "Rescaling": "scale offset",
    "Conv2D": "filters kernel_size strides padding data_format dilation_rate groups activation use_bias",
    "DepthwiseConv2D": "depth_multiplier kernel_size strides padding data_format dilation_rate activation use_bias",
    "BatchNormalization": "axis momentum epsilon center scale synchronized",
    "ReLU": "max_value negative_slope threshold",
    "Add": "",
    "GlobalAveragePooling2D": "data_format keepdims",
    "Reshape": "target_shape",
    "Concatenate": "axis",
    "Flatten": "data_format",
    "Dense": "units activation use_bias",
    "GlorotUniform": "seed",
    "Zeros": "",
    "Ones": "",
    "DTypePolicy": "",
}
ANYWHERE = {"name", "dtype", "trainable"}  # and what ends so:
ENDINGS = ("_initializer", "_regularizer", "_constraint")


def config(path: Path) -> Any:
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return json.loads(file.attrs["model_config"])
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def arguments(value: Any) -> Iterator[tuple[str, set[str]]]:
    """Yield the class of each layer and initializer, and the arguments that the config names."""
    if isinstance(value, dict):
        if value.get("class_name") in KNOWN:
            yield value["class_name"], set(value["config"])
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from arguments(one)


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3), name="image")
    small = keras.layers.Resizing(24, 24, interpolation="nearest")(image)
    maps = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(keras.layers.Rescaling(1 / 128)(small))
    maps = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(epsilon=0.01, scale=False)(maps))
    maps = keras.layers.Add()([maps, keras.layers.DepthwiseConv2D(3, padding="same", activation="relu")(maps)])
    pool = keras.layers.Reshape((1, 1, 4))(keras.layers.GlobalAveragePooling2D()(maps))
    flat = keras.layers.Flatten()(keras.layers.Concatenate()([pool, pool]))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(flat))


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_what_is_left_out_changes_no_answer(suffix: str, tmp_path: Path) -> None:
    model, path, plain = network(), tmp_path / f"model{suffix}", tmp_path / f"plain{suffix}"
    files.save(model, path)
    model.save(plain)
    loaded = files.load(path)
    np.testing.assert_array_equal(np.asarray(loaded(PHOTOS)), np.asarray(model(PHOTOS)))
    assert loaded.get_config() == files.load(plain).get_config()
    assert path.stat().st_size < plain.stat().st_size
    assert [one.name for one in tmp_path.iterdir() if one not in (path, plain)] == []


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_network_names_no_argument_that_an_older_keras_does_not_know(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    files.save(network(), path)
    found = list(arguments(config(path)))
    assert {name for name, _ in found} == set(KNOWN)
    for name, named in found:
        assert {one for one in named - ANYWHERE if not one.endswith(ENDINGS)} <= set(KNOWN[name].split()), name
    assert ("BatchNormalization", 0.01) in {
        (layer["class_name"], layer["config"].get("epsilon")) for layer in config(path)["config"]["layers"]
    }


def test_new_arguments_stay_where_they_say_something() -> None:
    told = {"antialias": True, "config": [{"input_axes": None, "renorm": True, "renorm_momentum": 0.9, "units": 3}]}
    short = older_keras.shortened(told)
    assert short == {"antialias": True, "config": [{"renorm": True, "renorm_momentum": 0.9, "units": 3}]}
