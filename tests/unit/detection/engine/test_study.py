"""The study of recipes, without training."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest

from jobs.json_values import JsonObject
from tests.unit.detection.engine.toys import boxes
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import OutOfTime
from vm_worker.search.study import TrialRun
from vm_worker.tasks.detection.boxes import LabelledPhoto
from vm_worker.tasks.detection.engine.operating_point import OperatingPoint
from vm_worker.tasks.detection.engine.plan import EnginePlan, planned
from vm_worker.tasks.detection.engine.training.course import Recipe
from vm_worker.tasks.detection.engine.training.search import enough, kept_of
from vm_worker.tasks.detection.engine.training.session import Session
from vm_worker.tasks.detection.engine.training.study import DetectionStudy, SessionExecutor, TrialOutcome, of_best

PHOTOS = [LabelledPhoto("a.jpg", 640, 480, boxes((0, 0, 50, 50), (100, 0, 150, 50))) for _ in range(4)]


@dataclass(frozen=True)
class _Data:
    rows: int = 80


@dataclass(frozen=True)
class _Photos:
    labels: list[LabelledPhoto]
    validation: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class _Work:
    budget: Budget


@dataclass(frozen=True)
class _Session:
    """A session that knows numbers alone."""

    work: _Work
    plan: EnginePlan
    photos: _Photos
    data: _Data

    def digest(self, of: str) -> str:
        return of


def _study(seconds: float) -> DetectionStudy:
    work, photos = _Work(Budget.of(seconds)), _Photos(PHOTOS, np.arange(4))
    return DetectionStudy(cast(Session, _Session(work, planned("tiny", PHOTOS), photos, _Data())))


def _result(rmse: float, f1: float = 0.9, seconds: float = 10.0, epochs: int = 10) -> JsonObject:
    return TrialOutcome(OperatingPoint(0.4, 0.5, rmse, f1), seconds, epochs).to_json()


def test_errors_are_measured_against_finding_nothing() -> None:
    study = _study(100)
    one = study.record("rule", Recipe(10, 1.0, 1e-3), _result(2.0))  # two objects in each photo
    assert one.error == pytest.approx(1.0, abs=1e-3)
    half = study.record("genetic", Recipe(10, 1.0, 2e-3), _result(1.0))
    tie = study.record("genetic", Recipe(10, 1.0, 3e-3), _result(1.0, f1=0.95))
    assert half.error == pytest.approx(0.25, abs=1e-3)
    assert tie.error is not None and half.error is not None and tie.error < half.error
    assert study.best is not None and study.best[1].rate == 3e-3
    assert [(row.steps, row.point.threshold) for row in study.rows if row.point] == [(10, 0.4)] * 3


def test_a_trial_gets_the_epochs_that_fit_the_time() -> None:
    study = _study(50)
    long = Recipe(10, 1.0, 1e-3)
    assert study.fits(long, ()) == long  # how long it takes is not known yet
    study.record("rule", long, _result(1.0, seconds=100.0))  # 1 s a step, 10 s an epoch
    assert study.fits(long, (study.key(long),)) == long  # it has begun
    found = study.fits(Recipe(4, 1.0, 1e-3), ())
    assert found is not None and found.epochs == 4
    assert study.fits(Recipe(60, 1.0, 1e-3), ()) is None  # fewer epochs than are ever suggested
    assert study.refused == pytest.approx((264.0, 50.0), abs=1)  # 24 epochs, and a tenth more
    study.keep(20)  # for what follows the search
    left = study.fits(Recipe(4, 1.0, 1e-3), ())
    assert left is None or left.epochs < 4
    assert study.smaller(long) is None


def test_a_search_keeps_time_for_each_thing_that_follows_and_fits() -> None:
    assert kept_of((30.0, 40.0), 100.0) == 70.0
    assert kept_of((30.0, 80.0), 100.0) == 30.0
    assert kept_of((120.0, 80.0), 100.0) == 80.0
    assert kept_of((math.inf, math.inf), 100.0) == 0.0


def test_the_log_says_how_many_seconds_were_missing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert enough("a second stage", 99.0, Budget.of(100.0)) and not caplog.text
    assert not enough("a second stage", 120.0, Budget.of(100.4))
    assert not enough("a second stage", math.inf, Budget.of(100.0))
    assert [record.message for record in caplog.records] == [
        "a second stage was not started: it takes 120 s, and 100 s are left",
        "a second stage was not started: it needs more memory than there is",
    ]


def test_a_trial_that_was_cut_short_says_so() -> None:
    study = _study(100)
    study.record("rule", Recipe(10, 1.0, 1e-3), _result(1.0, epochs=7))
    (row,) = study.rows
    assert (row.epochs, row.note) == (7, "7 of 10 epochs fitted into the time")


def test_a_trial_that_did_not_end_is_a_row_without_a_point() -> None:
    study, recipe = _study(0), Recipe(10, 1.0, 1e-3)
    result = SessionExecutor(study.session).submit(study.task(recipe, study.key(recipe))).result()
    assert study.committable(TrialRun("rule", recipe, recipe, recipe), result) is None
    assert study.record("rule", recipe, result).error is None
    assert [(row.point, row.note) for row in study.rows] == [(None, "the time ended first")]
    with pytest.raises(OutOfTime):
        of_best(study)


def test_keys_differ_where_results_do() -> None:
    study = _study(0)
    keys = {study.key(recipe) for recipe in (Recipe(1, 1.0, 1e-3), Recipe(2, 1.0, 1e-3), Recipe(1, 0.5, 1e-3))}
    assert len(keys) == 3 and all(len(key) == 40 for key in keys)
    assert study.decode(study.first[0]) == study.session.plan.recipe and study.space.holds(study.first[0])
