"""The rule trial: never worse than the head, BatchNorm at rest, views as meant, weights that load again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.options import Options
from tests.unit.learn.photos import weight
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn import activations, assemble, finetune, networks, trial
from vm_worker.learn.activations import Cache, Filling, OutOfTime, Viewing
from vm_worker.learn.backbones import CATALOGUE, Cut
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import Source
from vm_worker.learn.finetune import Tuned, TuneRequest
from vm_worker.learn.heads import Head
from vm_worker.learn.probabilities import predict
from vm_worker.learn.trial import Lesson, Recipe, Score, Trial

KEY = "efficientnet_lite0"


def poor_head() -> Head:
    """A head that knows nothing, so that any training is better; its strength keeps it so."""
    return Head(
        np.zeros(1280, np.float32),
        np.ones(1280, np.float32),
        np.zeros((1280, 3), np.float32),
        np.zeros(3, np.float32),
        strength=3.0,
        epochs=0,
    )


def run(photos: Dataset, folder: Path, head: Head, seconds: float) -> tuple[Tuned, list[Mapping[str, Any]]]:
    events: list[Mapping[str, Any]] = []
    request = TuneRequest(photos, weight(KEY), head, Options(epochs=2), Budget.of(seconds), folder)
    return finetune.tune(request, events.append), events


def test_a_better_model_is_kept_and_loads_again(photos: Dataset, tmp_path: Path) -> None:
    tuned, events = run(photos, tmp_path, poor_head(), 400)
    row = next(row for row in tuned.trials if row["state"] == "kept")
    assert tuned.better and row["state"] == "kept"
    assert "once more" in row["note"]
    assert row["validation_accuracy"] == pytest.approx(tuned.validation_accuracy, abs=1e-4)
    assert tuned.validation is not None
    judged = trial.score(tuned.validation, photos.labels[photos.rows(Part.VALIDATION)])
    assert judged.accuracy == pytest.approx(tuned.validation_accuracy)
    assert judged.loss == pytest.approx(tuned.validation_loss, abs=1e-4)
    assert [point["epoch"] for point in tuned.curve] == [1, 2]
    assert [event["fraction"] for event in events] == sorted(event["fraction"] for event in events)
    model = assemble.delivered(weight(KEY), poor_head(), tuned.weights_path)
    rows = photos.rows(Part.TEST)
    said = predict(model, photos.pixels(224), rows)
    assert (said.argmax(1) == photos.labels[rows]).mean() > 0.6
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)


def test_a_network_that_got_worse_is_not_kept(photos: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "judge", lambda tail, lesson: Score(0.0, 9.9))
    tuned, _ = run(photos, tmp_path, replace(poor_head(), epochs=20, strength=0.01), 400)
    rule, views = tuned.trials
    assert rule["state"] == "not_better"
    assert tuned.better == (views["state"] == "kept")
    assert tuned.validation_accuracy is not None and tuned.validation_accuracy > 0.8


def test_without_time_the_trial_is_skipped_and_says_so(photos: Dataset, tmp_path: Path) -> None:
    tuned, _ = run(photos, tmp_path, poor_head(), 1)
    assert not tuned.better and tuned.trials[0]["state"] == "skipped" and tuned.trials[0]["note"]


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        (Score(0.9, 1.0), Score(0.8, 0.1), True),
        (Score(0.9, 0.1), Score(0.9, 0.2), True),
        (Score(0.9, 0.2), Score(0.9, 0.2), False),
        (Score(0.8, 0.1), Score(0.9, 0.2), False),
    ],
)
def test_better_is_higher_accuracy_or_the_same_with_lower_loss(one: Score, other: Score, better: bool) -> None:
    assert one.better_than(other) is better


def small_network() -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(8, 3, name="above")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))


def small_lesson(seed: int = 0) -> Lesson:
    random = np.random.default_rng(0)
    labels = np.arange(40) % 3
    values = random.normal(labels[None, :, None, None, None], 0.5, (2, 40, 6, 6, 3)).astype(np.float16)
    return Lesson(Cache(values), labels, np.arange(30), np.arange(30, 40), 3, seed)


RECIPE = Recipe(Cut("above"), views=2, epochs=6, rate=0.02, batch=8)


def test_batch_norms_averages_do_not_move_while_the_rest_learns() -> None:
    model = small_network()
    norm, above = model.get_layer("norm"), model.get_layer("above")
    before, kernel = norm.get_weights(), above.get_weights()[0]
    Trial(model, small_lesson(), RECIPE).run(Budget.of(60), lambda number, epoch: None)
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.abs(above.get_weights()[0] - kernel).max() > 0


def test_the_best_epoch_is_what_remains() -> None:
    model, points = small_network(), []
    lesson = small_lesson()
    best, number = Trial(model, lesson, RECIPE).run(Budget.of(60), lambda number, epoch: points.append(epoch.judged))
    assert len(points) == 6 and points[number - 1] == best
    assert not any(point.better_than(best) for point in points)
    assert trial.judge(model, lesson).loss == pytest.approx(best.loss, abs=1e-5)


def test_the_seed_alone_decides() -> None:
    outcomes = []
    for seed in (0, 0, 1):
        model = small_network()
        Trial(model, small_lesson(seed), replace(RECIPE, epochs=2)).repeat(Budget.of(60))
        outcomes.append(model.get_weights()[0])
    np.testing.assert_allclose(outcomes[0], outcomes[1], atol=1e-6)
    assert np.abs(outcomes[0] - outcomes[2]).max() > 1e-4


def test_a_trial_stops_at_its_budget_and_leaves_the_network_as_it_was() -> None:
    model = small_network()
    before = model.get_weights()
    best, number = Trial(model, small_lesson(), RECIPE).run(Budget.of(-1), lambda number, epoch: None)
    assert number == 0 and Score(0.0, 99.0).better_than(best)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(OutOfTime):
        Trial(model, small_lesson(), RECIPE).repeat(Budget.of(-1))


@pytest.mark.parametrize(("share", "expected"), [(1.0, 4.0), (0.25, 1.0), (0.0, 0.0)])
def test_a_blend_lies_on_the_way(share: float, expected: float) -> None:
    (found,) = trial.blend([np.zeros(3, np.float32)], [np.full(3, 4.0, np.float32)], share)
    np.testing.assert_allclose(found, expected)


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    ramp = np.linspace(0, 255, 16).astype(np.uint8)
    return np.broadcast_to(ramp[None, None, :, None], (70, 16, 16, 3)).copy()


def identity() -> keras.Model:
    image = keras.Input((16, 16, 3))
    return keras.Model(image, keras.layers.Identity()(image))


@pytest.mark.parametrize("mirror", [True, False])
def test_views_are_windows_and_mirrored_only_where_allowed(
    mirror: bool, picture: NDArray[np.uint8], tmp_path: Path
) -> None:
    source = Source(picture, np.arange(70))
    cache = activations.fill(
        identity(), source, Viewing(3, mirror, 0), Filling(tmp_path / "a.npy", Budget.of(60), lambda part: None)
    )
    assert cache.values.shape == (3, 70, 16, 16, 3) and cache.values.dtype == np.float16
    np.testing.assert_allclose(cache.batch(0, np.arange(70)), picture, atol=0.2)
    slopes = cache.values[1:, :, 8, 12, 0].astype(int) - cache.values[1:, :, 8, 4, 0].astype(int)
    assert (np.abs(slopes) > 60).all()  # a ramp stays one
    assert mirror == bool((slopes < 0).any())
    assert len(np.unique(slopes)) > 10  # each picture its own window


def test_activations_stop_at_the_budget(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    filling = Filling(tmp_path / "a.npy", Budget.of(-1), lambda part: None)
    with pytest.raises(OutOfTime):
        activations.fill(identity(), Source(picture, np.arange(70)), Viewing(1, False, 0), filling)


def test_the_two_halves_of_a_cut_make_the_whole(photos: Dataset, tmp_path: Path) -> None:
    head = replace(poor_head(), kernel=np.random.default_rng(0).normal(size=(1280, 3)).astype(np.float32))
    model = assemble.assemble(weight(KEY), head)
    cut = CATALOGUE[KEY].cuts[1]
    middle = networks.tensor_at(model, cut)
    source = Source(photos.pixels(224), np.arange(10))
    filling = Filling(tmp_path / "a.npy", Budget.of(60), lambda part: None)
    cache = activations.fill(keras.Model(model.input, middle), source, Viewing(1, False, 0), filling)
    found = trial.outputs(keras.Model(middle, model.output), cache, np.arange(10))
    expected = predict(model, photos.pixels(224), np.arange(10))
    np.testing.assert_allclose(found, expected, atol=0.02)  # half precision
