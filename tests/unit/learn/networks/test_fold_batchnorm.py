"""Normalisation folded into convolutions: the same function and the same training, for all kinds of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from vm_worker.learn.networks.fold_batchnorm import Folded, folded
from vm_worker.learn.networks.precision import HALF

pytestmark = pytest.mark.usefixtures("eager")
SIDE, CHANNELS, CLASSES = 9, 4, 3
Build = Callable[[Any], Any]
halves = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow is given halves")

PAIRS: dict[str, Build] = {
    "conv": lambda x: layers.BatchNormalization()(layers.Conv2D(6, 3, strides=2, use_bias=False, padding="same")(x)),
    "conv with bias": lambda x: layers.BatchNormalization()(layers.Conv2D(6, 3, dilation_rate=2)(x)),
    "depthwise": lambda x: layers.BatchNormalization()(layers.DepthwiseConv2D(3, strides=2, use_bias=False)(x)),
    "depthwise, two each": lambda x: layers.BatchNormalization()(layers.DepthwiseConv2D(3, depth_multiplier=2)(x)),
    "separable": lambda x: layers.BatchNormalization()(layers.SeparableConv2D(6, 3, padding="same")(x)),
    "norm without scale": lambda x: layers.BatchNormalization(scale=False)(layers.Conv2D(6, 1)(x)),
    "norm without centre": lambda x: layers.BatchNormalization(center=False)(layers.Conv2D(6, 1)(x)),
}


def _shared(x: Any) -> Any:
    maps = layers.Conv2D(CHANNELS, 1)(x)
    return layers.Add()([layers.BatchNormalization()(maps), maps])


APART: dict[str, Build] = {
    "norm first": lambda x: layers.Conv2D(6, 1)(layers.BatchNormalization()(x)),
    "activation between": lambda x: layers.BatchNormalization()(layers.Conv2D(6, 1, activation="relu")(x)),
    "taken twice": _shared,
    "in groups": lambda x: layers.BatchNormalization()(layers.Conv2D(6, 1, groups=2)(x)),
    "dropout between": lambda x: layers.BatchNormalization()(layers.Dropout(0.5)(layers.Conv2D(6, 1)(x))),
}


FEW = ("conv with bias", "depthwise", "separable", "with an activation")  # a training takes a second


def trained(builds: dict[str, Build]) -> list[Any]:
    """The kinds that are trained, most of them in the slow tests alone."""
    slow = pytest.mark.slow
    return [pytest.param(build, id=name, marks=() if name in FEW else slow) for name, build in builds.items()]


@pytest.mark.parametrize("build", PAIRS.values(), ids=PAIRS)
def test_a_pair_becomes_one_layer_with_the_same_output(build: Build) -> None:
    plain, pictures = _network(build), _pictures()
    expected = np.asarray(plain(pictures))
    one = folded(plain)
    assert [type(layer) for layer in one.layers].count(Folded) == 1
    np.testing.assert_allclose(np.asarray(one(pictures)), expected, atol=1e-6)


@pytest.mark.parametrize("build", APART.values(), ids=APART)
def test_other_layers_stay_as_they_are(build: Build) -> None:
    plain, pictures = _network(build), _pictures()
    expected = np.asarray(plain(pictures))
    one = folded(plain)
    assert Folded not in [type(layer) for layer in one.layers]
    np.testing.assert_allclose(np.asarray(one(pictures)), expected, atol=1e-6)


@pytest.mark.parametrize("build", trained(PAIRS))
def test_training_moves_the_same_variables_in_the_same_way(build: Build) -> None:
    """Compare each step with the plain network with frozen norms; the norms do not move."""
    plain, pictures = _network(build), _pictures()
    for layer in plain.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    start = plain.get_weights()
    _train(plain, pictures)
    expected = plain.get_weights()
    plain.set_weights(start)
    _train(folded(plain), pictures)
    for before, after, wanted in zip(start, plain.get_weights(), expected, strict=True):
        np.testing.assert_allclose(after, wanted, atol=2e-5)
        assert before.shape == after.shape
    moved = {layer.name for layer in plain.layers if layer.trainable_weights}
    assert moved
    assert all("normalization" not in name for name in moved)
    assert any(np.abs(after - before).max() > 1e-3 for before, after in zip(start, expected, strict=True))


def test_a_tail_of_a_network_is_folded_from_where_it_is_cut() -> None:
    """Check that a norm stays whose convolution lies below the cut, outside the tail."""
    image = keras.Input((SIDE, SIDE, CHANNELS))
    below = layers.Conv2D(5, 3)(image)
    maps = layers.BatchNormalization()(layers.Conv2D(6, 3)(layers.BatchNormalization()(below)))
    output = layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(maps))
    whole = _stirred(keras.Model(image, output))
    cut = np.asarray(keras.Model(image, below)(_pictures()))
    one = folded(keras.Model(below, output))
    assert [type(layer) for layer in one.layers].count(Folded) == 1
    np.testing.assert_allclose(np.asarray(one(cut)), np.asarray(whole(_pictures())), atol=1e-6)


LONE: dict[str, Build] = {
    "with an activation": lambda x: layers.Conv2D(6, 3, activation="relu")(x),
    "without a bias": lambda x: layers.Conv2D(6, 3, strides=2, use_bias=False)(x),
    "before another's norm": _shared,
}


@halves
@pytest.mark.parametrize("build", (PAIRS | LONE).values(), ids=PAIRS | LONE)
def test_products_in_half_precision_differ_by_rounding_only(build: Build) -> None:
    plain, pictures = _network(build), _pictures()
    expected = np.asarray(plain(pictures))
    one = folded(plain, HALF)
    found = np.asarray(one(pictures))
    assert [type(layer) for layer in one.layers].count(Folded) == 1
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert build is PAIRS["depthwise"] or build is PAIRS["depthwise, two each"] or (found != expected).any()


@halves
@pytest.mark.parametrize("build", trained(PAIRS | LONE))
def test_training_in_half_precision_goes_the_same_way(build: Build) -> None:
    """Check that variables stay float32 and move as in single precision, with a cosine of 0.99 and more."""
    plain, pictures = _network(build), _pictures()
    start = plain.get_weights()
    _train(folded(plain), pictures)
    expected = plain.get_weights()
    plain.set_weights(start)
    _train(folded(plain, HALF), pictures)
    assert {weight.dtype for weight in plain.get_weights()} == {np.dtype(np.float32)}
    for before, after, wanted in zip(start, plain.get_weights(), expected, strict=True):
        way, other = (after - before).ravel(), (wanted - before).ravel()
        lengths = np.linalg.norm(way) * np.linalg.norm(other)
        assert lengths == 0 or way @ other / lengths > 0.99


@halves
def test_a_convolution_in_groups_keeps_its_precision() -> None:
    plain = _network(lambda x: layers.Conv2D(6, 1, groups=2)(x))
    assert Folded not in [type(layer) for layer in folded(plain, HALF).layers]


def _network(build: Build) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, CHANNELS))
    pooled = layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(build(image)))
    return _stirred(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(pooled)))


def _stirred(model: keras.Model) -> keras.Model:
    """Give the norms averages and factors other than the initial ones."""
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


def _train(model: keras.Model, pictures: NDArray[np.float32]) -> None:
    model.compile(keras.optimizers.SGD(0.5), "categorical_crossentropy")
    truth = np.eye(CLASSES, dtype=np.float32)[np.arange(len(pictures)) % CLASSES]
    for _ in range(3):
        model.train_on_batch(pictures, truth)


def _pictures() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(6, SIDE, SIDE, CHANNELS)).astype(np.float32)
