"""Features of all depths: which maps count, where their columns lie, and the model that averages only some of them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.unit.learn.deep_network import SIZE, WIDTHS, extractor
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.grad_cam import grad_cam
from vm_worker.learn.networks import assemble, build, depth

PHOTOS = np.random.default_rng(0).uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)


def test_activations_and_sums_of_low_resolution_count_and_nothing_else() -> None:
    found = depth.depths(extractor())
    assert {one.layer: one.stop - one.start for one in found} == WIDTHS
    assert [one.start for one in found] == [0, 5, 9, 13] and found[-1].stop == 19


def test_the_last_features_are_the_first_columns_and_the_others_are_averages() -> None:
    model = extractor()
    features = np.asarray(depth.deepened(model)(PHOTOS))
    assert features.shape == (3, 19)
    np.testing.assert_allclose(features[:, :5], np.asarray(model(PHOTOS)), atol=1e-6)
    summed = np.asarray(keras.Model(model.input, model.get_layer("sum").output)(PHOTOS))
    np.testing.assert_allclose(features[:, 9:13], summed.mean((1, 2)), atol=1e-6)


def test_a_network_without_such_maps_stays_as_it_is() -> None:
    image = keras.Input((SIZE, SIZE, 3))
    flat = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(image)))
    assert depth.deepened(flat) is flat and len(depth.depths(flat)) == 1


def test_every_catalogue_network_has_its_last_features_first() -> None:
    model = build.extractor("efficientnet_lite0", None)
    first, *others = depth.depths(model)
    assert (first.layer, first.stop) == ("features", 1280)
    sides = {model.get_layer(one.layer).output.shape[1] for one in others}
    assert sides == {7, 14} and others[0].layer == "block4a_depthwise_relu"


def test_a_side_that_padding_rounds_up_counts_behind_the_maps_that_an_earlier_head_knows() -> None:
    exact, rounded = extractor(64), extractor(60)  # maps of 4 x 4 in both: 60 / 16 = 3.75
    assert {model.get_layer("sum").output.shape[1] for model in (exact, rounded)} == {4}
    assert [one.layer for one in depth.depths(rounded)] == ["features", "inside", "sum", "wide"]
    lite2 = build.extractor("efficientnet_lite2", None)  # 260 pixels: maps of 17 x 17 and of 9 x 9
    sides = [lite2.get_layer(one.layer).output.shape[1] for one in depth.depths(lite2)[1:]]
    assert sides == sorted(sides) and set(sides) == {9, 17}


def head(columns: tuple[int, ...]) -> Head:
    random = np.random.default_rng(1)
    size = len(columns)
    kernel, spread = random.normal(size=(size, 3)).astype(np.float32), random.uniform(0.5, 2, size).astype(np.float32)
    mean = random.normal(size=size).astype(np.float32)
    return Head(mean, spread, kernel, np.ones(3, np.float32), columns=np.array(columns, np.int64))


@pytest.mark.parametrize(
    ("columns", "pools", "rows"),
    [
        # Columns without use have rows of zeros.
        pytest.param((0, 2, 9, 12), ["features", "sum_features"], 9, marks=pytest.mark.slow),
        ((13, 18), ["features", "wide_features"], 11),  # the last map stays, though nothing uses it
        (tuple(range(19)), ["features", "inside_features", "sum_features", "wide_features"], 19),
    ],
)
def test_a_head_on_some_columns_becomes_one_flat_model(
    columns: tuple[int, ...], pools: list[str], rows: int, tmp_path: Path
) -> None:
    model, wanted = assemble.with_head(extractor(), head(columns)), head(columns)
    expected = wanted.probabilities(np.asarray(depth.deepened(extractor())(PHOTOS)))
    np.testing.assert_allclose(np.asarray(model(PHOTOS)), expected, atol=1e-5)
    found = [one.name for one in model.layers if one.name.endswith("features")]
    assert sorted(found) == sorted(pools)
    scales = [one.get_weights()[0] for one in model.layers if one.name.startswith("scale_")]
    assert np.count_nonzero(np.concatenate(scales, axis=None)) == len(columns)  # each standardised, the others 0
    kernel = model.get_layer(assemble.OUTPUT).get_weights()[0]
    assert len(kernel) == rows and np.count_nonzero(np.abs(kernel).sum(1)) == len(columns)
    for suffix in (".h5", ".keras"):
        model.save(tmp_path / f"model{suffix}")
        loaded = keras.models.load_model(tmp_path / f"model{suffix}")
        np.testing.assert_allclose(np.asarray(loaded(PHOTOS)), expected, atol=1e-5)
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}


def test_grad_cam_shows_what_all_depths_add_to_the_score() -> None:
    model, classes = assemble.with_head(extractor(), head(tuple(range(19)))), np.array([0, 1, 2])
    found = grad_cam(model, PHOTOS.astype(np.uint8), classes)
    assert found.shape == (3, 4, 4) and found.max() == 1.0
    # Of a head on one depth alone, the map is the old one: that depth's channels, weighed.
    alone = assemble.with_head(extractor(), head((9, 10, 11, 12)))
    kernel = head((9, 10, 11, 12)).folded()[0]
    maps = np.asarray(keras.Model(alone.input, alone.get_layer("sum").output)(PHOTOS.astype(np.uint8)))
    wanted = np.maximum(np.einsum("nhwc,cn->nhw", maps, kernel[:, classes]), 0)
    np.testing.assert_allclose(
        grad_cam(alone, PHOTOS.astype(np.uint8), classes),
        wanted / np.maximum(wanted.max((1, 2), keepdims=True), 1e-12),
        atol=1e-4,
    )
