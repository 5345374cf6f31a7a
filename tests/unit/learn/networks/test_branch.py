"""A frozen network and a trained copy of its upper layers as one flat model: the logits of both, files that load."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.learn.deep_network import extractor
from tests.unit.learn.networks.test_depth import PHOTOS, head
from vm_worker.learn.heads.halves import halved
from vm_worker.learn.heads.linear import softmax
from vm_worker.learn.judge.grad_cam import grad_cam
from vm_worker.learn.networks import assemble, depth
from vm_worker.learn.networks.branch import PREFIX, branched
from vm_worker.learn.networks.catalogue import OUTPUT
from vm_worker.learn.networks.pair import paired

BELOW = {"image", "large", "inside", "linear", "sum"}  # the layers below the cut that "before" begins
COLUMNS = (0, 3, 9, 18)


def trained() -> keras.Model:
    """Return the network as if tuning had trained the layers from "before" on, with three logits."""
    network, random = extractor(), np.random.default_rng(3)
    for name in ("before", "narrow"):
        layer = network.get_layer(name)
        layer.set_weights([value + random.normal(0, 0.1, value.shape) for value in layer.get_weights()])
    top = keras.layers.Dense(3, name=OUTPUT, bias_initializer="ones")
    return keras.Model(network.input, top(network.output))


def branch(columns: tuple[int, ...], share: float) -> tuple[keras.Model, NDArray[np.float32]]:
    """Return the model, and the logits that it should have."""
    tuned, halves = trained(), halved(head(columns), 5)
    features = np.asarray(depth.deepened(extractor())(PHOTOS))
    last = (1 - share) * halves.last.logits(features[:, :5]) + share * np.asarray(tuned(PHOTOS))
    frozen = assemble.with_head(extractor(), head(columns))
    return branched(frozen, tuned, head(columns), share), np.asarray(halves.others.logits(features) + last, np.float32)


@pytest.mark.parametrize("columns", [COLUMNS, pytest.param((1, 2), marks=pytest.mark.slow), (9, 12)])
def test_a_share_of_the_last_features_logits_is_replaced(columns: tuple[int, ...]) -> None:
    for share in (0.5, 1.0):
        model, expected = branch(columns, share)
        np.testing.assert_allclose(np.asarray(model(PHOTOS)), softmax(expected), atol=1e-5)


def test_it_is_one_flat_model_whose_lower_layers_are_shared(tmp_path: Path) -> None:
    model, logits = branch(COLUMNS, 0.5)
    names = {layer.name for layer in model.layers}
    copied = {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}
    assert BELOW <= names and not copied & BELOW and {"before", "wide", "narrow", "top"} <= copied & names
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    kinds = [type(layer).__name__ for layer in model.layers]
    assert (kinds.count("InputLayer"), kinds.count("Dense"), kinds.count("Concatenate")) == (1, 1, 1)
    for suffix in (".h5", ".keras"):
        model.save(tmp_path / f"model{suffix}")
        loaded = keras.models.load_model(tmp_path / f"model{suffix}")
        np.testing.assert_allclose(np.asarray(loaded(PHOTOS)), softmax(logits), atol=1e-5)


def test_grad_cam_joins_the_maps_of_both() -> None:
    model, _ = branch(COLUMNS, 0.5)
    maps = grad_cam(model, PHOTOS.astype(np.uint8), np.array([0, 1, 2]))
    assert maps.shape == (3, 4, 4) and np.isfinite(maps).all() and maps.max() == 1.0


def test_a_pair_may_have_such_a_model() -> None:
    model, logits = branch(COLUMNS, 0.5)
    other = assemble.with_head(extractor(seed=1), head((1, 14)))
    features = np.asarray(depth.deepened(extractor(seed=1))(PHOTOS))
    expected = softmax((logits + head((1, 14)).logits(features)) / 2)
    np.testing.assert_allclose(np.asarray(paired(model, other)(PHOTOS)), expected, atol=1e-5)
