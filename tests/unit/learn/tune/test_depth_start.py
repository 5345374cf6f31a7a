"""Trials that start from a head of all depths: what they are given, how they are judged, what is delivered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from jobs.options import Options
from tests.unit.learn.colours import colours
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import assemble, build, depth
from vm_worker.learn.networks.catalogue import CATALOGUE, Backbone, Cut, Preprocessing
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.tune import tail_training, tasks
from vm_worker.learn.tune.depth_start import UNSEEN, surely_better
from vm_worker.learn.tune.recipe import EVERYTHING, NONE, Recipe, Views
from vm_worker.learn.tune.split_network import SplitNetwork
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, TuningInputs, write_inputs

pytestmark = pytest.mark.usefixtures("eager")
KEY, SIZE, LAST = "mobilenet_v2", 64, 5


def deep(include_top: bool, weights: None, input_tensor: Any) -> keras.Model:
    """Return a network with a map of 4 x 4 places that is averaged beside the last one, as keras.applications do."""
    maps = keras.layers.Conv2D(4, 8, strides=8, activation="relu", name="low")(input_tensor)
    maps = keras.layers.Conv2D(6, 2, strides=2, activation="relu", name="middle")(maps)
    maps = keras.layers.Conv2D(LAST, 2, strides=2, activation="relu", name="high")(maps)
    return keras.Model(keras.utils.get_source_inputs(input_tensor), maps)


ROW = Backbone(
    key=KEY,
    title="Deep",
    application=f"{__name__}:deep",
    size=SIZE,
    features=LAST,
    parameters=1_000,
    gflops=1e-3,
    preprocessing=Preprocessing.PLUS_MINUS_ONE,
    cuts=(Cut("high"), Cut("middle")),
    licence="none",
    attribution="Made for a test.",
)


@pytest.fixture(scope="module")
def weight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WeightFile]:
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("weights") / f"{KEY}.weights.h5"
    deep(False, None, keras.Input((SIZE, SIZE, 3))).save_weights(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CATALOGUE, KEY, ROW)
        yield WeightFile(KEY, path, KERAS_H5)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> LabelledPhotos:
    return colours(tmp_path_factory.mktemp("photos"), SIZE)


def head(seed: int) -> Head:
    """Return a head on three of the last features and four of the other depth's."""
    random, columns = np.random.default_rng(seed), np.array([0, 2, 3, 5, 7, 8, 10])
    kernel = random.normal(0, 0.3, (len(columns), 3)).astype(np.float32)
    mean, scale = random.uniform(0.1, 0.5, (2, len(columns))).astype(np.float32)
    return Head(mean, scale, kernel, np.array([0.1, 0.0, -0.1], np.float32), 0.01, 4, columns=columns)


def inputs(weight: WeightFile, photos: LabelledPhotos, selected: Head, folder: Path) -> TuningInputs:
    return write_inputs(photos, SelectedNetwork(weight, selected, unseen=head(0)), Options(epochs=4), folder)


def columns(weight: WeightFile, photos: LabelledPhotos, part: Part) -> np.ndarray[Any, Any]:
    """Return the features of all depths, the last first."""
    network = depth.deepened(build.extractor(KEY, weight))
    return np.asarray(network(photos.pixels(SIZE)[photos.rows(part)].astype(np.float32)))


@pytest.mark.parametrize("live", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_untrained_trial_says_what_the_head_of_all_depths_says(
    live: bool, weight: WeightFile, photos: LabelledPhotos, tmp_path: Path
) -> None:
    network = SplitNetwork(inputs(weight, photos, head(1), tmp_path))
    given = network.inputs("high", Views(2, live), Budget.of(60), lambda part: None)
    network.reset(network.first(network.train))
    data, tail = network.data(given, network.train, network.validation), network.tail("high", dropout=0.2)
    seen = columns(weight, photos, Part.VALIDATION)
    expected = head(0).probabilities(seen)
    found = tail_training.outputs(tail, data, network.validation)
    np.testing.assert_allclose(found, expected, atol=2e-3)  # half precision
    np.testing.assert_allclose(tail_training.judged(tail, data), expected, atol=2e-3)
    assert np.abs(head(1).probabilities(seen) - expected).max() > 0.1
    network.reset(network.first(network.everything))
    data = network.data(given, network.everything, network.everything[:0])
    found = tail_training.outputs(tail, data, network.validation)
    np.testing.assert_allclose(found, head(1).probabilities(seen), atol=2e-3)
    fresh = given.batch(np.ones(4, np.int64), network.train[:4])
    assert fresh.offsets is not None and fresh.offsets.shape == (4, 2, 3)
    plain = given.batch(0, network.train[:4])
    assert plain.offsets is not None and np.abs(fresh.offsets - plain.offsets).max() > 0  # each view has its own


@pytest.mark.slow
def test_the_delivered_model_says_what_the_trial_was_judged_by(
    weight: WeightFile, photos: LabelledPhotos, tmp_path: Path
) -> None:
    tuning, file = inputs(weight, photos, head(0), tmp_path), tmp_path / "one.weights.h5"
    recipe = Recipe(EVERYTHING.layer, epochs=2, rate=0.01, batch=16, augmentation=NONE)
    task: dict[str, Any] = {
        "inputs": tuning.to_json(),
        "seconds": 300.0,
        "views": {"count": 1, "live": False},
        "weights": str(file),
    }
    trial: dict[str, Any] = {"do": "trial", "key": "0" * 40, "recipe": recipe.to_json(), "search": "none", "rivals": []}
    result = tasks.work({**task, **trial}, lambda report: None)
    assert result["state"] == "ended" and tuning.share == 0.5
    model = assemble.delivered(weight, head(0), file, tuning.share)
    judged = np.load(file.with_suffix(".npy"))
    np.testing.assert_allclose(predict(model, photos.pixels(SIZE), photos.rows(Part.VALIDATION)), judged, atol=1e-4)
    alone = assemble.delivered(weight, head(0), file, 1.0)
    expected = head(0).logits(columns(weight, photos, Part.VALIDATION))
    twice = np.log(judged) * 2 - expected
    shares = np.exp(twice) / np.exp(twice).sum(1, keepdims=True)
    np.testing.assert_allclose(predict(alone, photos.pixels(SIZE), photos.rows(Part.VALIDATION)), shares, atol=1e-3)
    assert np.abs(shares - judged).max() > 0.01  # it has learnt something
    last: dict[str, Any] = {"do": "final", "cut": EVERYTHING.layer, "training": {**LAST_TRAINING, "start": str(file)}}
    assert (
        tasks.work({**task, **last, "weights": str(tmp_path / "last.weights.h5")}, lambda report: None)["epochs"] == 1
    )
    again = assemble.delivered(weight, head(0), tmp_path / "last.weights.h5", tuning.share)
    np.testing.assert_allclose(predict(again, photos.pixels(SIZE), photos.rows(Part.VALIDATION)), judged, atol=1e-4)


LAST_TRAINING = {"recipe": Recipe(EVERYTHING.layer, 2, 1e-12, 16, augmentation=NONE).to_json(), "epochs": 1}


def test_better_by_chance_is_not_surely_better() -> None:
    labels, random = np.arange(200) % 2, np.random.default_rng(0)
    towards = np.where(labels == 1, 1, -1)  # the truth
    logits = towards * random.normal(0.5, 1, 200)
    bar, same, better = (
        np.stack([1 / (1 + np.exp(one)), 1 / (1 + np.exp(-one))], axis=1).astype(np.float32)
        for one in (logits, logits + random.normal(0, 0.1, 200), logits + 0.7 * towards)
    )
    assert surely_better(better, bar, labels, False) and not surely_better(bar, better, labels, False)
    assert not (surely_better(same, bar, labels, True) and surely_better(bar, same, labels, True))
    assert not surely_better(bar, bar, labels, False)


def test_what_a_trial_has_learnt_is_kept_beside_the_selected_head(
    weight: WeightFile, photos: LabelledPhotos, tmp_path: Path
) -> None:
    network = SplitNetwork(inputs(weight, photos, head(1), tmp_path))
    assert network.start is not None
    network.reset(network.first(network.train))
    network.as_selected()
    kernel, bias = network.model.get_layer(assemble.OUTPUT).get_weights()
    wanted, constant = network.start.halves[1 - UNSEEN].last.folded()
    np.testing.assert_allclose(kernel, wanted, atol=1e-6)
    np.testing.assert_allclose(bias, constant, atol=1e-6)
