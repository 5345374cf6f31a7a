"""Pretrained weights are right: the networks name what is on real photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_image

from tests.unit.learn.photos import weight
from vm_worker.learn.networks import build, efficientnet_lite, torch_pickle
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile

# ImageNet's numbers of what one may rightly say of each photograph.
SEEN = {
    "cat": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee": {504, 967, 968},  # coffee mug, espresso, cup
    "rocket": {657, 744, 812},  # missile, projectile, space shuttle: ImageNet has no rocket
    "palace": {663, 698, 832},  # monastery, palace, stupa
}


def photographs(size: int) -> NDArray[np.float32]:
    pictures = (
        skimage.data.chelsea(),
        skimage.data.coffee(),
        skimage.data.rocket(),
        load_sample_image("china.jpg"),
    )
    return np.stack([np.asarray(_centre(Image.fromarray(picture), size), np.float32) for picture in pictures])


def _centre(picture: Image.Image, size: int) -> Image.Image:
    """Cut out the middle 7/8, as is usual when ImageNet's networks are judged."""
    side = min(picture.size) * 7 // 8
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BILINEAR)


def _slow(*keys: str) -> list[Any]:
    return [pytest.param(key, marks=pytest.mark.slow) for key in keys]


@pytest.mark.parametrize("key", ["efficientnet_lite0", *_slow("efficientnet_lite1", "efficientnet_lite2")])
def test_the_full_network_names_what_is_on_a_photograph(key: str) -> None:
    extractor = build.extractor(key, weight(key))
    model = keras.Model(extractor.input, efficientnet_lite.classifier(extractor.output))
    efficientnet_lite.load_state(model, key, torch_pickle.read_state(weight(key).path))
    answers = model.predict_on_batch(photographs(CATALOGUE[key].size)).argmax(1)
    wrong = {
        name: int(answer) for (name, right), answer in zip(SEEN.items(), answers, strict=True) if answer not in right
    }
    assert not wrong


@pytest.mark.parametrize("key", _slow("mobilenet", "mobilenet_v2", "vgg16", "xception"))
def test_features_are_those_of_the_original_with_its_own_preprocessing(key: str) -> None:
    row, file = CATALOGUE[key], weight(key)
    images = photographs(row.size)
    application = getattr(keras.applications, row.application)
    original = application(
        weights=str(file.path), include_top=False, pooling="avg", input_shape=(row.size, row.size, 3)
    )
    prepare = getattr(keras.applications, row.key).preprocess_input
    expected = np.asarray(original(prepare(images.copy())))
    found = np.asarray(build.extractor(key, file)(images))
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.slow
def test_inception_resnets_own_scaling_layer_is_folded_away(tmp_path: Path) -> None:
    row = CATALOGUE["inception_resnet_v2"]
    keras.utils.set_random_seed(0)
    shape = (row.size, row.size, 3)
    original = keras.applications.InceptionResNetV2(weights=None, include_top=False, pooling="avg", input_shape=shape)
    bare = keras.Model(original.input, original.layers[-2].output)
    path = tmp_path / "inception_resnet_v2.weights.h5"
    bare.save_weights(path)
    images = photographs(row.size)
    expected = original.predict_on_batch(images / 127.5 - 1)
    found = build.extractor(row.key, WeightFile(row.key, path, KERAS_H5)).predict_on_batch(images)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
