"""The Keras model of a network has its shapes and its parameters, and answers."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.unit.designs.texts import CELL, EVERYTHING, KNOWN
from vm_worker.designs.builder import LocalResponseNormalization, build
from vm_worker.designs.grammar import parse
from vm_worker.designs.layers import Given, network
from vm_worker.designs.words import ArchitectureError

NETWORKS = 60  # drawn at random
BLOCKS = """["CONV:3X3:2X2:SAME:8:BN", [["IDENTITY", ["CONV:3X3:1X1:SAME:8:BN", "CONV:3X3:1X1:SAME:8:BN:LINEAR"]],
  "Add"],  {"name": "x", "op": "RELU"},
  [["CONV:1X1:1X1:SAME:12:BN:LINEAR", ["CONV:3X3:1X1:SAME:12", "CONV:3X3:1X1:SAME:12:LINEAR"]], "Add"],
  [["IDENTITY", [["IDENTITY", [[["@x", "@x"], "DepthConcat"], "CONV:1X1:1X1:SAME:12"]], "Add"], "@x"],
  "DepthConcat"], "SOFTMAX"]"""


@pytest.mark.parametrize("text", [CELL, EVERYTHING, BLOCKS, '["SOFTMAX"]'])
def test_the_model_has_the_parameters_and_the_shapes_that_were_worked_out(text: str) -> None:
    whole = network(parse(text), Given(16, 4))
    model = build(whole)
    assert model.count_params() == whole.cost.parameters
    said = model.predict(np.random.default_rng(0).random((2, 16, 16, 3)), verbose=0)
    assert said.shape == (2, 4) and said.dtype == np.float32 and np.allclose(said.sum(1), 1, atol=1e-5)
    made = {tuple(layer.output.shape[1:]) for layer in model.layers}
    assert {layer.shape for layer in whole.layers} <= made


def test_local_response_normalization_is_that_of_tensorflow() -> None:
    maps = np.random.default_rng(0).normal(0, 30, (2, 3, 3, 7)).astype(np.float32)
    expected = tf.nn.local_response_normalization(maps, depth_radius=2, bias=1.0, alpha=1e-4 / 5, beta=0.75)
    np.testing.assert_allclose(LocalResponseNormalization()(maps), expected, rtol=1e-5)


def test_an_activation_comes_after_the_normalization() -> None:
    model = build(network(parse('["CONV:3X3:1X1:SAME:8:BN:TANH", "SOFTMAX"]'), Given(8, 2)))
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds[1:4] == ["Conv2D", "BatchNormalization", "Activation"] and not model.layers[1].use_bias


def drawn(random: np.random.Generator, level: int = 0) -> object:
    """Return a step at random: a word, or branches."""
    if level < 2 and random.random() < 0.25:
        branches = [[drawn(random, level + 1) for _ in range(random.integers(1, 3))] for _ in range(2)]
        return [branches, str(random.choice(["DepthConcat", "Add"]))]
    side, step, padding = random.integers(1, 5), random.integers(1, 3), random.choice(["SAME", "VALID"])
    slid = f"{side}X{side + 1}:{step}X{step}:{padding}"
    ends = [str(one) for one in ["", ":BN", ":12:TANH", ":8:BN:LINEAR", ""]]
    words = [f"{kind}:{slid}{random.choice(ends)}" for kind in ("CONV", "SEP_CONV")]
    words += [f"DEPTHWISE_CONV:{slid}{random.choice(['', ':BN', ':TANH'])}", f"MAX_POOLING:{slid}"]
    words += [f"AVERAGE_POOLING:{slid}", "FC:LINEAR", "FC:TANH:6", "FLATTEN", "GLOBAL_AVERAGE_POOLING"]
    words += ["BatchNorm", "LocalRespNorm", "RELU", "IDENTITY", "DROPOUT:0.3"]
    return str(random.choice(words))


@pytest.mark.slow
def test_any_network_has_the_parameters_in_keras_that_were_worked_out() -> None:
    random, built = np.random.default_rng(0), 0
    while built < NETWORKS:
        steps = [drawn(random) for _ in range(random.integers(1, 7))]
        try:
            told = network(parse(json.dumps([*steps, "SOFTMAX"])), Given(20, 3))
        except ArchitectureError:
            continue
        model = build(network(parse(str(told.architecture)), told.given))
        assert model.count_params() == told.cost.parameters, str(told.architecture)
        assert model.layers[-1].input.shape[1:] == (told.layers[told.layers[-1].inputs[0]].shape[-1],)
        built += 1
        keras.backend.clear_session()


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_published_networks_have_their_parameters_in_keras(name: str) -> None:
    text, pixels, parameters = KNOWN[name]
    model = build(network(parse(text), Given(pixels)))
    assert model.count_params() == parameters
    keras.backend.clear_session()
