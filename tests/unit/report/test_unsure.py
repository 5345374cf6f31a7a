"""The "not sure" threshold: chosen on one set of photos, its cost and gain told of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.render import render
from tests.unit.report import samples
from vm_worker import report
from vm_worker.evaluation import unsure


def said(sure: list[float], right: list[bool]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(m, 2) probabilities of the first class at that certainty, and labels that make each right or wrong."""
    first = np.array(sure)
    return np.column_stack([first, 1 - first]), np.array([0 if one else 1 for one in right])


# 100 photos: sure of 0.95 where right, of 0.60 where mostly wrong.
CLEAR = said([0.95] * 80 + [0.6] * 20, [True] * 78 + [False] * 2 + [True] * 8 + [False] * 12)


def test_the_smallest_threshold_that_halves_the_error_is_chosen() -> None:
    assert unsure.threshold(*CLEAR) == 0.61
    assert unsure._row(0.6, *unsure._judged(*CLEAR)).wrong == 14
    assert unsure._row(0.61, *unsure._judged(*CLEAR)).wrong == 2


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        said([0.95] * 96 + [0.6] * 4, [True] * 96 + [False] * 4),  # four mistakes say nothing
        said([0.9] * 100, [True] * 80 + [False] * 20),  # as sure of the wrong ones
        said([0.95] * 30 + [0.6] * 70, [True] * 30 + [False] * 70),  # most photos would go unanswered
    ],
)
def test_no_threshold_is_better_than_a_useless_one(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> None:
    assert unsure.threshold(probabilities, labels) is None


def test_its_figures_are_those_of_the_photos_given() -> None:
    told = unsure.measured(0.61, 325, *CLEAR)
    assert (told.threshold, told.photos) == (0.61, 325)
    assert (told.answered, told.wrong, told.open) == (0.8, 2, 20)
    assert told.accuracy_answered == pytest.approx(0.975)
    assert told.interval[0] < 0.975 < told.interval[1]
    assert [row.threshold for row in told.rows] == [0.0, 0.5, 0.6, 0.61, 0.7, 0.8, 0.9, 0.95, 0.99]
    assert told.rows[-1].accuracy_answered is None  # nothing is that sure


def test_without_a_threshold_everything_is_answered() -> None:
    told = unsure.measured(None, 0, *CLEAR)
    assert (told.threshold, told.answered, told.wrong, told.open) == (None, 1.0, 14, 0)
    assert len(told.rows) == len(unsure.SHOWN)


def test_it_is_chosen_on_calibrated_probabilities(tmp_path: Path) -> None:
    path = tmp_path / "judged.npz"
    np.savez(path, probabilities=CLEAR[0], labels=CLEAR[1])
    assert unsure.learnt(path, 1.0) == (0.61, 100)
    sharper, photos = unsure.learnt(path, 0.5)
    assert photos == 100
    assert sharper == 0.7  # 0.6 / 0.4, squared, is 0.69 / 0.31


def test_without_photos_there_is_no_threshold(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz", probabilities=np.empty((0, 0)), labels=np.empty(0, np.int64))
    assert unsure.learnt(tmp_path / "none.npz", 1.0) == (None, 0)
    assert unsure.learnt(tmp_path / "absent.npz", 1.0) == (None, 0)


@pytest.mark.parametrize(
    ("photos", "why"),
    [
        (0, "was chosen: there was no time for it."),
        (
            96,
            "on 96 photos that the model had not seen it made too few mistakes to choose one by, or none would halve ",
        ),
    ],
)
def test_a_report_without_a_threshold_says_why(photos: int, why: str) -> None:
    facts = samples.facts()
    found = samples.evaluated_of(facts)
    none = replace(found.unsure, threshold=None, photos=photos) if found.unsure else None
    page = report.page(report.build(replace(facts, evaluate=replace(found, unsure=none))), {})
    assert why in page


@pytest.mark.parametrize(("obstacle", "told"), [("", True), ("There was no time to make model.tflite.", False)])
def test_the_limit_holds_in_the_trial_only_where_there_is_one(obstacle: str, told: bool) -> None:
    built = report.build(samples.facts())
    shown = {**built, "sureness": [{"right": [0] * 101, "wrong": [0] * 101}]}
    page = render("report/trust.html", report=shown, trial={"obstacle": obstacle})
    assert "For the command line:" in page
    assert ('In the part "Try your model"' in page) == told
