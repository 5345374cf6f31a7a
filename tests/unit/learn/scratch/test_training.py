"""Networks from scratch: their sizes are those of the papers, and training works."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.unit.learn.photos import textures
from vm_worker.intake.dataset import Part
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks import small
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.small import Shape
from vm_worker.learn.scratch import architectures, training
from vm_worker.learn.scratch.architectures import TablePolicy
from vm_worker.learn.scratch.training import Examples, TimeAllowed, TrainingPolicy, TrainingSet


@pytest.mark.parametrize(("key", "known"), [("mobilenet_v1", "mobilenet"), ("mobilenet_v2", "mobilenet_v2")])
def test_at_full_width_the_networks_are_those_of_keras(key: str, known: str) -> None:
    row = CATALOGUE[known]
    head = (row.features + 1) * 5
    assert small.NETWORKS[key](Shape(5)).count_params() == row.parameters + head


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=pytest.mark.slow if key == "mobilenet_v2" else ()) for key in small.NETWORKS]
)
def test_half_the_width_is_about_a_quarter_of_the_size(key: str) -> None:
    half, quarter = (small.NETWORKS[key](Shape(3, width)).count_params() for width in (0.5, 0.25))
    assert 0.2 < quarter / half < 0.35


def test_the_two_alexnets_differ_in_separable_convolutions_alone() -> None:
    kinds = [
        [type(layer).__name__ for layer in build(Shape(3, 0.125)).layers]
        for build in (small.alexnet, small.alexnet_separable)
    ]
    assert [kind.replace("SeparableConv2D", "Conv2D") for kind in kinds[1]] == kinds[0]
    assert "Conv2D" not in kinds[1]


SHORT = TrainingPolicy(epochs=1, steps=160, least_epochs=1, least_steps=100)  # the shortest that learns


@pytest.mark.slow
@pytest.mark.parametrize("key", small.NETWORKS)
def test_each_network_learns_and_ends_with_its_best_weights(key: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    dataset = textures(tmp_path, (small.SIZE,), each=80)
    model = small.NETWORKS[key](Shape(3, 0.25))
    validation = architectures.examples(dataset, Part.VALIDATION)
    photos = TrainingSet(architectures.examples(dataset, Part.TRAIN), policy=SHORT)
    trained = training.train(model, photos, validation, TimeAllowed.of(600))
    assert (trained.accuracy, trained.loss) == pytest.approx(training.evaluate(model, validation))
    assert trained.loss == min(figures.validation_loss for figures in trained.curve)
    assert trained.accuracy > 0.7  # of three classes


@pytest.mark.slow
def test_without_time_nothing_is_trained() -> None:
    model = small.mobilenet_v1(Shape(2, 0.125))
    before = model.get_weights()
    with pytest.raises(training.TrainingTooSlow):
        training.train(model, TrainingSet(halves()), halves(), TimeAllowed.of(1))
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


@pytest.mark.slow
def test_a_training_may_take_more_than_its_share() -> None:
    model = small.alexnet(Shape(2, 0.125))
    photos = TrainingSet(halves(), policy=SHORT)
    trained = training.train(model, photos, halves(), TimeAllowed(Budget.of(0), Budget.of(600)))
    assert trained.accuracy == 1.0


@pytest.mark.slow
def test_the_table_has_rows_of_networks_that_are_left_out(tmp_path: Path) -> None:
    dataset = textures(tmp_path, (small.SIZE,), each=30)
    policy = TablePolicy(networks=("alexnet",), widths=(0.125,), training=SHORT)
    (first,) = architectures.table(dataset, tmp_path, Budget.of(400), policy)
    endless = replace(policy, widths=(0.25,), training=replace(SHORT, least_steps=10**6))
    (left_out,) = architectures.table(dataset, tmp_path, Budget.of(400), endless)
    assert (first["width"], first["note"], left_out["width"]) == (0.125, "", 0.25)
    assert first["test_accuracy"] > 0.5
    assert first["dynamic_range"]["bytes"] < 0.4 * first["float32"]["bytes"]
    assert left_out["note"].startswith("left out: its training needs about ")
    assert (left_out["test_accuracy"], left_out["epochs"]) == (None, None)


def test_probabilities_are_in_the_order_of_the_images() -> None:
    images = np.stack([np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 6)])  # not whole batches
    examples = Examples(images, np.zeros(len(images), np.int64))
    brightness = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()])
    assert training.probabilities(brightness, examples)[:, 0] == pytest.approx(np.arange(0, 240, 6))


@pytest.mark.parametrize(("images", "steps"), [(40, 4), (200, 7), (1000, 10)])
def test_an_epoch_has_so_many_steps_at_least_and_at_most(images: int, steps: int) -> None:
    examples = Examples(np.zeros((images, 1, 1, 3), np.uint8), np.zeros(images, np.int64))
    assert TrainingSet(examples, policy=TrainingPolicy(epoch_steps=4, epoch_most=10)).steps == steps


def halves() -> Examples:
    """Return images whose upper half is light (class 0) or whose lower half is (class 1)."""
    labels = np.arange(40, dtype=np.int64) % 2
    images = np.zeros((40, 64, 64, 3), np.uint8)
    images[labels == 0, :32], images[labels == 1, 32:] = 200, 200
    return Examples(images, labels)
