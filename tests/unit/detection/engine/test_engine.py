"""The engine on toy squares, with a small network of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow

from jobs.json_values import JsonObject
from tests.unit.detection.engine.toys import squares
from vm_worker.intake.arrays import Pixels
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import OutOfTime
from vm_worker.search.trial_runner import Committed
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine import engine
from vm_worker.tasks.detection.engine.detect import candidates, detect
from vm_worker.tasks.detection.engine.effort import Effort
from vm_worker.tasks.detection.engine.engine import TrainedDetector
from vm_worker.tasks.detection.engine.plan import EnginePlan, planned
from vm_worker.tasks.detection.engine.sides import Sides
from vm_worker.tasks.detection.engine.training import session
from vm_worker.tasks.detection.engine.training.course import Recipe
from vm_worker.tasks.detection.engine.training.map_cache import LEAST, Filling, Pictures, fill
from vm_worker.tasks.detection.engine.training.search import Searched, SearchRequest, search
from vm_worker.tasks.detection.engine.training.session import Photos, Progress, Workplace
from vm_worker.tasks.detection.engine.training.tuning import TuningPlan
from vm_worker.tasks.detection.engine.training.views import View


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    """No graphs: to trace them takes longer than all these steps."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


def _base(sides: Sides) -> keras.Model:
    """Four convolutions in place of a network."""
    x = image = keras.Input((sides.height, sides.width, 3))
    for channels in (4, 8, 8, 8, 8):
        x = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(image, x, name="tiny")


def _photos() -> Photos:
    labels, pixels = squares(10, 0)
    return Photos(labels, np.arange(6), np.arange(6, 10), lambda row: pixels[row], 2)


def _plan(photos: Photos, epochs: int) -> EnginePlan:
    plan = planned("tiny", photos.labels, Effort(steps=4, rows=12, inputs=(96,)))
    return replace(plan, recipe=Recipe(epochs, 1.0, 1e-3))


def _train(folder: Path, told: list[Progress], seconds: float = 600.0) -> TrainedDetector:
    photos = _photos()
    return engine.train(photos, _plan(photos, 2), Workplace(folder, _base, Budget.of(seconds), 0, told.append))


def test_a_detector_is_trained_and_a_killed_run_goes_on(tmp_path: Path) -> None:
    told: list[Progress] = []
    trained = _train(tmp_path, told)
    assert len(trained.losses) == 2 and trained.losses[1] < trained.losses[0]
    assert [one.epoch.number for one in told if one.epoch] == [1, 2]
    assert told[-1].phase == session.JUDGING
    _, pixels = squares(1, 5, 96, 80)
    found = detect(trained.predict, pixels[0], trained.settings)
    assert (found.scores >= trained.point.threshold).all()
    assert (found.xyxy[:, [0, 2]] <= 96).all() and (found.xyxy[:, [1, 3]] <= 80).all()
    assert {type(layer).__module__.partition(".")[0] for layer in trained.model.layers} == {"keras"}
    again: list[Progress] = []
    same = _train(tmp_path, again)
    assert [one for one in again if one.epoch or one.phase == session.PREPARING] == []  # nothing is done twice
    assert same.losses == trained.losses
    for one, other in zip(trained.raw, same.raw, strict=True):
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-3)


def test_a_killed_filling_goes_on_and_a_slow_one_is_cut_short(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (16, 32, 32, 3)).astype(np.uint8)
    pictures = Pictures(lambda: frames, [[View()] * 16] * 4, Sides(32, 32))
    done: list[int] = []

    def run(pixels: Pixels) -> Floats:
        done.append(len(pixels))
        return pixels[:, :1, :2, 0].reshape(-1, 2).astype(np.float32)

    def killed(part: float) -> None:
        if part == 0.5:
            raise KeyboardInterrupt

    filling = Filling(tmp_path, "digest", Budget.of(600), killed)
    with pytest.raises(KeyboardInterrupt):
        fill(lambda: run, pictures, ((1, 2, 1),), filling)
    cache = fill(lambda: run, pictures, ((1, 2, 1),), replace(filling, tell=lambda part: None))
    assert sum(done) == len(pictures) == cache.rows  # nothing twice
    (maps,) = cache.batch(np.array([17, 2]))
    assert maps[:, 0, :, 0].tolist() == [frames[1, 0, :2, 0].tolist(), frames[2, 0, :2, 0].tolist()]
    other = replace(filling, digest="of another job", tell=lambda part: None, soft=Budget.of(0))
    assert fill(lambda: run, pictures, ((1, 2, 1),), other).rows == LEAST
    with pytest.raises(OutOfTime):
        fill(lambda: run, pictures, ((1, 2, 1),), replace(other, digest="a third", budget=Budget.of(0)))


def test_too_little_time_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime):
        _train(tmp_path, [], seconds=0.0)


@pytest.mark.slow
def test_the_upper_part_of_the_network_is_tuned_where_that_helps(tmp_path: Path) -> None:
    photos, told = _photos(), list[Progress]()
    plan, work = _plan(photos, 1), Workplace(tmp_path, _base, Budget.of(600), 0, told.append)
    trained = engine.train(photos, plan, work, TuningPlan(epochs=1))
    assert [one.phase for one in told if one.epoch] == [session.TRAINING, session.TUNING]
    # Whether or not it was taken, the model that is delivered gives the candidates that were judged.
    again = [candidates(trained.predict, photos.decode(row), trained.settings) for row in photos.validation.tolist()]
    for one, other in zip(again, trained.raw, strict=True):
        np.testing.assert_allclose(np.sort(one.scores)[-20:], np.sort(other.scores)[-20:], atol=2e-3)
    told.clear()
    late = Workplace(tmp_path / "late", _base, Budget.of(600), 0, told.append)
    engine.train(photos, plan, late, TuningPlan(epochs=1_000_000_000))
    assert session.TUNING not in {one.phase for one in told}


def test_a_search_delivers_the_best_trial_and_repeats_none(tmp_path: Path) -> None:
    photos = _photos()
    committed: dict[str, JsonObject] = {}

    def offer(key: str, seconds: float, result: JsonObject) -> JsonObject:
        committed[key] = result
        return result

    def searched(folder: Path, told: list[Progress]) -> Searched:
        work = Workplace(folder, _base, Budget.of(600), 0, told.append)
        request = SearchRequest(trials=2, committed=Committed(dict(committed), offer))
        return search(photos, _plan(photos, 1), work, request)

    first = searched(tmp_path / "one", [])
    assert [one.number for one in first.trials] == [1, 2]
    assert [one.kind for one in first.trials] == ["rule", "genetic"]
    points = [one.point for one in first.trials if one.point]
    assert first.detector.point == min(points, key=lambda point: (point.rmse, -point.f1))
    told: list[Progress] = []
    again = searched(tmp_path / "one", told)
    assert [one for one in told if one.epoch] == []  # every trial is known, and the best one's weights are kept
    assert (again.trials, again.recipe) == (first.trials, first.recipe)
    searched(tmp_path / "other", told)  # another machine: the weights are lost
    assert len([one for one in told if one.epoch]) == first.recipe.epochs
