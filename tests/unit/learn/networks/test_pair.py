"""Two networks as one flat model: the mean of their logits, a shared picture, files that load anywhere."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tests.unit.learn.deep_network import SIZE, extractor
from tests.unit.learn.networks.test_depth import PHOTOS, head
from vm_worker.learn.heads.linear import softmax
from vm_worker.learn.judge.grad_cam import grad_cam
from vm_worker.learn.networks import assemble, depth
from vm_worker.learn.networks import pair as pair_module
from vm_worker.learn.networks.pair import paired

# Sides, and the seed of the second network's weights; those of the first have seed 0.
SLOW = [pytest.param(*both, marks=pytest.mark.slow) for both in ((64, 64, 1), (64, 48, 0))]
PAIRS = [(64, 48, 1), (48, 64, 0), *SLOW]
CONVOLUTIONS = ["large", "inside", "linear", "before", "narrow"]


def built(size: int, seed: int, columns: tuple[int, ...]) -> keras.Model:
    return assemble.with_head(extractor(size, seed), head(columns))


@pytest.mark.parametrize(("first", "second", "other_seed"), PAIRS)
def test_a_pair_says_the_mean_of_both_logits(first: int, second: int, other_seed: int, tmp_path: Path) -> None:
    columns = ((0, 3, 9), (1, 2, 14, 18))
    one, other = built(first, 0, columns[0]), built(second, other_seed, columns[1])
    pair = paired(one, other)
    logits = []
    for size, seed, chosen in ((first, 0, columns[0]), (second, other_seed, columns[1])):
        seen = PHOTOS if size == SIZE else np.asarray(keras.layers.Resizing(size, size)(PHOTOS))
        logits.append(head(chosen).logits(np.asarray(depth.deepened(extractor(size, seed))(seen))))
    expected = softmax(np.mean(logits, axis=0))
    assert pair.input_shape == (None, SIZE, SIZE, 3)
    np.testing.assert_allclose(np.asarray(pair(PHOTOS)), expected, atol=1e-5)
    for suffix in (".h5", ".keras"):
        pair.save(tmp_path / f"model{suffix}")
        loaded = keras.models.load_model(tmp_path / f"model{suffix}")
        nodes = [node for layer in loaded.layers for node in layer._inbound_nodes]
        assert not [node for node in nodes if node.arguments.kwargs.get("training")]  # or batch norms would learn
        np.testing.assert_allclose(np.asarray(loaded(PHOTOS)), expected, atol=1e-5)
    assert {type(layer).__module__.split(".")[0] for layer in pair.layers} == {"keras"}
    kinds = [type(layer).__name__ for layer in pair.layers]
    assert (kinds.count("InputLayer"), kinds.count("Dense"), kinds.count("Concatenate")) == (1, 1, 1)
    assert kinds.count("Resizing") == (first != second)
    assert not [layer for layer in pair.layers if getattr(layer, "layers", None)]


def test_a_network_at_two_sides_is_there_once(tmp_path: Path) -> None:
    one, other = built(64, 0, (0, 9)), built(48, 0, (2, 14))
    changed = other.get_layer("linear")
    sizes = {}
    for alike in (True, False):
        pair = paired(one, other)
        twice = [layer.name for layer in pair.layers if layer.weights and len(layer._inbound_nodes) > 1]
        assert twice == [name for name in CONVOLUTIONS if alike or name != "linear"]
        pair.save(tmp_path / "model.h5", include_optimizer=False)
        with h5py.File(tmp_path / "model.h5") as file:
            kept = [name for name in file["model_weights"] if name.removeprefix("deep_") in CONVOLUTIONS]
        assert sorted(kept) == sorted([*CONVOLUTIONS, *([] if alike else ["deep_linear"])])
        sizes[alike] = pair.count_params()
        changed.set_weights([values + 1 for values in changed.get_weights()])
    assert sizes[False] - sizes[True] == changed.count_params()


def test_layers_of_one_name_that_compute_something_else_stay_apart() -> None:
    one, other = built(64, 0, (0, 9)), built(48, 0, (2, 14))
    other.get_layer("linear").activation = keras.activations.tanh
    pair = paired(one, other)
    assert pair.get_layer("deep_linear").activation is keras.activations.tanh
    assert pair.get_layer("linear").activation is keras.activations.linear


def test_grad_cam_joins_the_maps_of_both() -> None:
    pair = paired(built(64, 0, (0, 9)), built(48, 1, (2, 14)))
    maps = grad_cam(pair, PHOTOS.astype(np.uint8), np.array([0, 1, 2]))
    assert maps.shape == (3, 4, 4) and np.isfinite(maps).all()


def test_grad_cam_finds_the_right_maps_of_layers_that_are_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = built(64, 0, (0, 9)), built(48, 0, (0, 9))  # alike in what standardises the averages, too
    photos, classes = PHOTOS.astype(np.uint8), np.array([0, 1, 2])
    found = grad_cam(paired(one, other), photos, classes)
    monkeypatch.setattr(pair_module, "_alike", lambda *both: False)
    apart = paired(one, other)
    assert len([layer for layer in apart.layers if layer.weights]) == 15
    np.testing.assert_allclose(found, grad_cam(apart, photos, classes), atol=1e-6)


def test_a_networks_own_weights_stay_as_they_are() -> None:
    one, other = built(64, 0, (0, 9)), built(64, 1, (2, 14))
    before = np.asarray(one(PHOTOS))
    pair = paired(one, other)
    pair.set_weights([value * 0 for value in pair.get_weights()])
    np.testing.assert_array_equal(np.asarray(one(PHOTOS)), before)
