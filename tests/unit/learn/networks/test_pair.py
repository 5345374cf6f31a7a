"""Two networks as one flat model: the mean of their logits, a shared picture, files that load anywhere."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.unit.learn.deep_network import SIZE, extractor
from tests.unit.learn.networks.test_depth import PHOTOS, head
from vm_worker.learn.heads.linear import softmax
from vm_worker.learn.judge.grad_cam import grad_cam
from vm_worker.learn.networks import assemble, depth
from vm_worker.learn.networks.pair import paired

SIZES = [(64, 48), *[pytest.param(*both, marks=pytest.mark.slow) for both in ((64, 64), (48, 64))]]


def built(size: int, seed: int, columns: tuple[int, ...]) -> keras.Model:
    return assemble.with_head(extractor(size, seed), head(columns))


@pytest.mark.parametrize(("first", "second"), SIZES)
def test_a_pair_says_the_mean_of_both_logits(first: int, second: int, tmp_path: Path) -> None:
    columns = ((0, 3, 9), (1, 2, 14, 18))
    one, other = built(first, 0, columns[0]), built(second, 1, columns[1])
    pair = paired(one, other)
    logits = []
    for size, seed, chosen in ((first, 0, columns[0]), (second, 1, columns[1])):
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


def test_grad_cam_joins_the_maps_of_both() -> None:
    pair = paired(built(64, 0, (0, 9)), built(48, 1, (2, 14)))
    maps = grad_cam(pair, PHOTOS.astype(np.uint8), np.array([0, 1, 2]))
    assert maps.shape == (3, 4, 4) and np.isfinite(maps).all()


def test_a_networks_own_weights_stay_as_they_are() -> None:
    one, other = built(64, 0, (0, 9)), built(64, 1, (2, 14))
    before = np.asarray(one(PHOTOS))
    pair = paired(one, other)
    pair.set_weights([value * 0 for value in pair.get_weights()])
    np.testing.assert_array_equal(np.asarray(one(PHOTOS)), before)
