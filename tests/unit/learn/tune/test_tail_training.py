"""The training of a network's tail: frozen BatchNorm, the best epoch, batches as the recipe says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import keras
import numpy as np
import pytest

from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import ActivationCache, OutOfTime
from vm_worker.learn.judge.scores import Score
from vm_worker.learn.tune import tail_training
from vm_worker.learn.tune.recipe import Recipe
from vm_worker.learn.tune.tail_training import TailData, TailResult, TailTraining

pytestmark = pytest.mark.usefixtures("eager")


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
    (inputs,), truth = next(TailTraining(small_network(), data, replace(RECIPE, augmentation=augmentation))._batches())
    assert truth.sum(1) == pytest.approx(1.0, abs=1e-6)
    assert ((truth > 0).sum(1) > 1).any() == (augmentation == "mixed views")
    plain = data.inputs.batch(0, data.train).activations
    known = [any(np.array_equal(one, other) for other in plain) for one in inputs]
    assert all(known) == (augmentation == "none")


def test_mixing_keeps_most_of_each_example() -> None:
    inputs, truth = np.eye(6, dtype=np.float32)[:, None], np.eye(6, dtype=np.float32)
    mixed, shares = tail_training.mixed([inputs, truth], np.random.default_rng(0))
    np.testing.assert_allclose(mixed[:, 0], shares)  # the same share of both
    assert (shares[np.arange(6), np.arange(6)] >= 0.5).all() and (shares.max(1) < 1).any()


@pytest.mark.slow  # trains three times
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


@pytest.mark.parametrize(("steps", "epochs", "schedule"), [pytest.param(18, 6, 18, marks=pytest.mark.slow), (8, 2, 17)])
def test_the_last_training_is_made_shorter_where_it_is_slow(steps: int, epochs: int, schedule: int) -> None:
    model = small_network()  # 6 epochs of 3 steps
    assert TailTraining(model, small_data(), RECIPE).repeat(Steps(steps)) == epochs
    assert int(model.optimizer.iterations) == schedule  # at 18 the rate is 0
    with pytest.raises(OutOfTime):
        TailTraining(model, small_data(), RECIPE).repeat(Steps(5))  # no two epochs: nothing tells how slow it is


RARE = np.where(np.arange(40) % 10 == 0, 1, 0)  # 3 of the 30 photos to learn from


def test_a_rare_class_is_weighed() -> None:
    data = replace(small_data(), labels=RARE, classes=3)
    assert data.class_weights() is None
    assert replace(data, weighed=True).class_weights() == pytest.approx([30 / 2 / 27, 5.0, 1.0])


@pytest.mark.slow  # trains twice to the end
def test_a_weighed_training_learns_more_from_the_rare_class() -> None:
    data = replace(small_data(), labels=RARE, classes=3)
    weighed = replace(data, weighed=True, balanced=True)
    means = []
    for one in (data, weighed):
        model = small_network()
        train(model, one)
        means.append(float(tail_training.outputs(model, one, one.train)[:, 1].mean()))
    assert means[1] > 1.5 * means[0]
    assert tail_training.judge(model, weighed).metric == "balanced_accuracy"
