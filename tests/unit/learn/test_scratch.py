"""Networks from nothing: their size is that of the papers, and they learn."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.unit.learn.photos import textures
from vm_worker.intake.dataset import Part
from vm_worker.learn import architectures, lessons, scratch
from vm_worker.learn.backbones import CATALOGUE
from vm_worker.learn.budget import Budget
from vm_worker.learn.lessons import Pupils
from vm_worker.learn.scratch import Shape


@pytest.mark.parametrize(("key", "known"), [("mobilenet_v1", "mobilenet"), ("mobilenet_v2", "mobilenet_v2")])
def test_at_full_width_they_are_those_of_keras(key: str, known: str) -> None:
    row = CATALOGUE[known]
    head = (row.features + 1) * 5
    assert scratch.NETWORKS[key](Shape(5)).count_params() == row.parameters + head


@pytest.mark.parametrize("key", scratch.NETWORKS)
def test_half_the_width_is_about_a_quarter_of_the_size(key: str) -> None:
    half, quarter = (scratch.NETWORKS[key](Shape(3, width)).count_params() for width in (0.5, 0.25))
    assert 0.2 < quarter / half < 0.35


def test_separable_convolutions_are_what_makes_the_difference() -> None:
    kinds = [
        [type(layer).__name__ for layer in build(Shape(3, 0.125)).layers]
        for build in (scratch.alexnet, scratch.alexnet_separable)
    ]
    assert [kind.replace("SeparableConv2D", "Conv2D") for kind in kinds[1]] == kinds[0]
    assert "Conv2D" not in kinds[1]


@pytest.mark.slow
def test_it_learns_and_ends_with_its_best_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "EPOCHS", 12)
    keras.utils.set_random_seed(0)
    dataset = textures(tmp_path, (scratch.SIZE,), each=40)
    model = scratch.mobilenet_v1(Shape(3, 0.125))
    judged = architectures.pupils(dataset, Part.VALIDATION)
    learnt = lessons.train(model, architectures.pupils(dataset, Part.TRAIN), judged, Budget.of(600))
    loss, accuracy = model.evaluate(judged.images, judged.labels, verbose=0)
    assert learnt.loss == pytest.approx(loss, abs=1e-4)
    assert learnt.accuracy == pytest.approx(accuracy)
    assert accuracy > 0.55  # of three kinds


@pytest.mark.slow
def test_without_time_one_epoch_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = np.zeros((8, 64, 64, 3), np.uint8), np.arange(8) % 2
    pupils = Pupils(images, labels)
    assert lessons.train(scratch.mobilenet_v1(Shape(2, 0.125)), pupils, pupils, Budget.of(-1)).epochs == 1
