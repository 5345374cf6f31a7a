"""The tasks of tuning: frozen BatchNorm, the best epoch, views within their bounds, weights that load again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.options import Options
from tests.unit.learn.photos import weight
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import activations
from vm_worker.learn.features.activations import ActivationCache, Filling, FrozenPart, LiveActivations, OutOfTime
from vm_worker.learn.features.extraction import Source
from vm_worker.learn.features.views import Viewing
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.judge.scores import Score, score
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import assemble
from vm_worker.learn.tune import tail_training, tasks
from vm_worker.learn.tune.recipe import MIXED, Recipe
from vm_worker.learn.tune.tail_training import TailData, TailResult, TailTraining
from vm_worker.learn.tune.tuning import TuneRequest, tune
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, TuningInputs, write_inputs

KEY = "efficientnet_lite0"


def poor_head() -> Head:
    """Return an untrained head, so that any training is better; its strength and epochs keep refitted heads poor."""
    return Head(
        np.zeros(1280, np.float32),
        np.ones(1280, np.float32),
        np.zeros((1280, 3), np.float32),
        np.zeros(3, np.float32),
        strength=3.0,
        epochs=0,
    )


@pytest.fixture(scope="module")
def tuning_inputs(photos: LabelledPhotos, tmp_path_factory: pytest.TempPathFactory) -> TuningInputs:
    folder = tmp_path_factory.mktemp("trials")
    return write_inputs(photos, SelectedNetwork(weight(KEY), poor_head()), Options(epochs=4), folder)


def ask(tuning_inputs: TuningInputs, do: str, **task: Any) -> Mapping[str, Any]:
    whole: dict[str, Any] = {
        "do": do,
        "inputs": tuning_inputs.to_json(),
        "seconds": 300.0,
        "views": {"count": 2, "live": False},
    }
    compared: dict[str, Any] = {"key": "0" * 40, "search": "none", "rivals": []}
    return tasks.work({**whole, **compared, **task}, lambda report: None)


def probabilities_of(photos: LabelledPhotos, weights: Path, part: Part) -> NDArray[np.float32]:
    """Return the probabilities of a part's photos by the model with these weights."""
    model = assemble.delivered(weight(KEY), poor_head(), weights)
    return predict(model, photos.pixels(224), photos.rows(part))


CUT = "block6b_expand_conv"
SMALL = Recipe(CUT, epochs=2, rate=1e-3, batch=16, dropout=0.2, augmentation=MIXED)


def test_every_task_in_its_order_ends_in_weights_that_load(photos: LabelledPhotos, tuning_inputs: TuningInputs) -> None:
    assert ask(tuning_inputs, "survey", images_per_second=1e6)["frozen"] == 1e-6  # believed where it is a faster form's
    survey = ask(tuning_inputs, "survey", images_per_second=1.0)
    assert 0 < survey["frozen"] < 1.0
    shares = list(survey["share_above"].values())
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0) and 0 < shares[0] < 0.5
    above = list(survey["activations_above"].values())
    assert above == sorted(above) and above[0] > 1280 and above[-1] > 10 * survey["activations_at"]["image"]
    assert survey["forward"] > 0 and survey["view_seconds"] > 0 and survey["activations_at"]["image"] == 224 * 224 * 3
    prepared = ask(tuning_inputs, "prepare", cut=CUT)
    assert prepared["seen"] == 2 and prepared["head"]["accuracy"] <= 1 / 3 + 0.1  # a head trained for 0 epochs
    weights = tuning_inputs.folder / "one.weights.h5"
    result = ask(tuning_inputs, "trial", recipe=SMALL.to_json(), weights=str(weights))
    assert result["state"] == "ended" and len(result["errors"]) == 2 == len(result["points"])
    assert weights.exists() and np.load(tuning_inputs.folder / "one.weights.npy").shape == (12, 3)
    judged = score(
        probabilities_of(photos, weights, Part.VALIDATION), photos.truth.labels[photos.rows(Part.VALIDATION)]
    )
    assert judged.error == pytest.approx(result["score"]["error"], abs=5e-3)  # half precision below the cut
    last = tuning_inputs.folder / "last.weights.h5"
    still = {"recipe": replace(SMALL, rate=1e-9).to_json(), "epochs": 1, "start": str(weights)}
    assert ask(tuning_inputs, "final", weights=str(last), cut=CUT, training=still) == {"state": "ended", "epochs": 1}
    gone_on = score(probabilities_of(photos, last, Part.VALIDATION), photos.truth.labels[photos.rows(Part.VALIDATION)])
    assert gone_on.error == pytest.approx(judged.error, abs=1e-3)  # at no rate nothing changes
    final = {"recipe": SMALL.to_json(), "epochs": 2, "start": ""}
    assert ask(tuning_inputs, "final", weights=str(weights), cut=CUT, training=final)["state"] == "ended"
    probabilities = probabilities_of(photos, weights, Part.TEST)
    assert (probabilities.argmax(1) == photos.truth.labels[photos.rows(Part.TEST)]).mean() > 0.6
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_repeated_trial_has_the_same_errors(tuning_inputs: TuningInputs) -> None:
    one, other = (
        ask(tuning_inputs, "trial", recipe=SMALL.to_json(), weights=str(tuning_inputs.folder / "x.weights.h5"))
        for _ in range(2)
    )
    assert one["errors"] == pytest.approx(other["errors"], abs=1e-4)


def test_without_time_a_task_says_so(tuning_inputs: TuningInputs, tmp_path: Path) -> None:
    recipe = replace(SMALL, cut="block6a_expand_conv").to_json()  # its activations are not there yet
    assert ask(tuning_inputs, "trial", recipe=recipe, weights=str(tmp_path / "w"), seconds=-1.0) == {
        "state": "out_of_time"
    }


def test_tuning_delivers_what_is_better(photos: LabelledPhotos, tmp_path: Path) -> None:
    chosen = SelectedNetwork(weight(KEY), poor_head())
    request = TuneRequest(photos, chosen, Options(epochs=2, trials=1), Budget.of(400), tmp_path, 1e4)
    tuned = tune(request, lambda event: None)
    assert tuned.better and tuned.weights_path is not None and tuned.validation is not None
    probabilities = probabilities_of(photos, tuned.weights_path, Part.TEST)
    assert (probabilities.argmax(1) == photos.truth.labels[photos.rows(Part.TEST)]).mean() > 0.6


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


def small_data(seed: int = 0) -> TailData:
    random = np.random.default_rng(0)
    labels = np.arange(40) % 3
    values = random.normal(labels[None, :, None, None, None], 0.5, (2, 40, 6, 6, 3)).astype(np.float16)
    features = np.zeros((2, 40, 1), np.float32)
    return TailData(ActivationCache(values, features), labels, np.arange(30), np.arange(30, 40), 3, seed)


RECIPE = Recipe("above", epochs=6, rate=0.02, batch=8)


def train(model: keras.Model, data: TailData, seconds: float = 60.0) -> tuple[TailResult, list[Score]]:
    points: list[Score] = []
    run = TailTraining(model, data, RECIPE).run(
        Budget.of(seconds), lambda number, epoch: points.append(epoch.judged), lambda errors: len(errors) == 99
    )
    return run, points


def test_batch_norms_averages_do_not_move_while_the_rest_learns() -> None:
    model = small_network()
    norm, above = model.get_layer("norm"), model.get_layer("above")
    before, kernel = norm.get_weights(), above.get_weights()[0]
    train(model, small_data())
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.abs(above.get_weights()[0] - kernel).max() > 0


def test_the_best_epoch_is_what_remains() -> None:
    model, data = small_network(), small_data()
    run, points = train(model, data)
    assert len(points) == 6 == len(run.errors) and points[run.epochs - 1] == run.score
    assert min(run.errors) == points[run.epochs - 1].error and not run.pruned
    assert tail_training.judge(model, data).loss == pytest.approx(points[run.epochs - 1].loss, abs=1e-5)


def test_a_hopeless_trial_is_given_up() -> None:
    recipe = replace(RECIPE, epochs=5)
    run = TailTraining(small_network(), small_data(), recipe).run(
        Budget.of(60), lambda number, epoch: None, lambda errors: len(errors) == 2
    )
    assert run.pruned and len(run.errors) == 2


@pytest.mark.parametrize("augmentation", ["none", "views", "mixed views"])
def test_batches_are_augmented_as_the_recipe_says(augmentation: str) -> None:
    data = small_data()
    inputs, truth = next(TailTraining(small_network(), data, replace(RECIPE, augmentation=augmentation))._batches())
    assert truth.sum(1) == pytest.approx(1.0, abs=1e-6)
    assert ((truth > 0).sum(1) > 1).any() == (augmentation == "mixed views")
    plain = data.inputs.batch(0, data.train)
    known = [any(np.array_equal(one, other) for other in plain) for one in inputs]
    assert all(known) == (augmentation == "none")


def test_mixing_keeps_most_of_each_example() -> None:
    inputs, truth = np.eye(6, dtype=np.float32)[:, None], np.eye(6, dtype=np.float32)
    mixed, shares = tail_training.mixed(inputs, truth, np.random.default_rng(0))
    np.testing.assert_allclose(mixed[:, 0], shares)  # the same share of both
    assert (shares[np.arange(6), np.arange(6)] >= 0.5).all() and (shares.max(1) < 1).any()


def test_the_seed_alone_decides() -> None:
    outcomes = []
    for seed in (0, 0, 1):
        model = small_network()
        TailTraining(model, small_data(seed), replace(RECIPE, epochs=2)).repeat(Budget.of(60))
        outcomes.append(model.get_weights()[0])
    np.testing.assert_allclose(outcomes[0], outcomes[1], atol=1e-6)
    assert np.abs(outcomes[0] - outcomes[2]).max() > 1e-4


def test_a_trial_stops_at_its_budget_and_leaves_the_network_as_it_was() -> None:
    model = small_network()
    before = model.get_weights()
    run, points = train(model, small_data(), seconds=-1)
    assert run.score is None and run.epochs == 0 and points == []
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(OutOfTime):
        TailTraining(model, small_data(), RECIPE).repeat(Budget.of(-1))


@dataclass(frozen=True)
class Steps(Budget):
    """A budget of so many steps of training, a second each."""

    begun: list[None] = field(default_factory=list)

    def remaining(self) -> float:
        return self.deadline - len(self.begun)

    def over(self) -> bool:
        self.begun.append(None)
        return self.remaining() < 0


@pytest.mark.parametrize(("steps", "epochs", "schedule"), [(18, 6, 18), (11, 3, 18), (8, 2, 17)])
def test_the_last_training_is_made_shorter_where_it_is_slow(steps: int, epochs: int, schedule: int) -> None:
    model = small_network()  # 6 epochs of 3 steps
    assert TailTraining(model, small_data(), RECIPE).repeat(Steps(steps)) == epochs
    assert int(model.optimizer.iterations) == schedule  # at 18 the rate is 0
    with pytest.raises(OutOfTime):
        TailTraining(model, small_data(), RECIPE).repeat(Steps(5))  # no two epochs: nothing tells how slow it is


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    ramp = np.linspace(0, 255, 16).astype(np.uint8)
    return np.broadcast_to(ramp[None, None, :, None], (70, 16, 16, 3)).copy()


def identity() -> FrozenPart:
    """Return a part whose activations are the picture itself and whose feature is its mean."""

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = images.reshape(len(images), -1)
        return np.concatenate([flat, flat.mean(1, keepdims=True)], axis=1)

    return FrozenPart(run, (16, 16, 3), 1)


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
    np.testing.assert_allclose(cache.features[0, :, 0], picture.mean((1, 2, 3)), rtol=1e-4)
    slopes = cache.values[1:, :, 8, 12, 0].astype(int) - cache.values[1:, :, 8, 4, 0].astype(int)
    assert (np.abs(slopes) > 60).all()  # a ramp stays one
    assert mirror == bool((slopes < 0).any())
    assert len(np.unique(slopes)) > 10  # each picture its own window


def test_activations_stop_at_the_budget(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    filling = Filling(tmp_path / "a.npy", Budget.of(-1), lambda part: None)
    with pytest.raises(OutOfTime):
        activations.fill(identity(), Source(picture, np.arange(70)), Viewing(1, False, 0), filling)


def test_live_views_are_new_each_time_and_the_plain_one_is_not(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    source = Source(picture, np.arange(70))
    filling = Filling(tmp_path / "a.npy", Budget.of(60), lambda part: None)
    plain = activations.fill(identity(), source, Viewing(1, True, 0), filling)
    live = LiveActivations(plain, identity(), source, Viewing(5, True, 0))
    rows = np.arange(40)
    one, other = (live.batch(np.ones(40, np.int64), rows) for _ in range(2))
    assert live.views == 5 and one.shape == (40, 16, 16, 3) and np.abs(one - other).max() > 1
    np.testing.assert_array_equal(live.batch(0, rows), plain.batch(0, rows))
