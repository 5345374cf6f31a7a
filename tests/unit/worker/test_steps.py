"""The stages' own decisions; what they call is tested where it lives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs.errors import Bug
from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from vm_worker import exporting, stages, steps
from vm_worker.events import Answer, Event, StageOffer, TrialOffer
from vm_worker.learn.progress_events import LearningProgress, Quote
from vm_worker.results.candidates import CurvePoint
from vm_worker.spec import Spec
from vm_worker.stages import Work


class Parent:
    """Keeps what the child says."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []  # as they go over the pipe

    def send(self, event: Event) -> None:
        self.heard.append(event.to_json())

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        raise AssertionError("no stage is run here")


@pytest.fixture
def parent() -> Parent:
    return Parent()


@pytest.fixture
def work(parent: Parent, tmp_path: Path) -> Work:
    spec = Spec("abcdefgh", tmp_path / "x.zip", tmp_path, Options(), Limits(), 120.0, "2026-01-01", "2026-01-01")
    one = {"name": "mobilenet", "validation_accuracy": 0.8, "validation_loss": 0.5}
    other = {"name": "vgg16", "validation_accuracy": 0.7, "validation_loss": 0.6}
    curve = [{"name": name, "epoch": 1} for name in ("vgg16", "mobilenet")]
    return Work(
        spec, parent, results={Stage.SELECT: {"winner": "mobilenet", "candidates": [other, one], "curve": curve}}
    )


def exports(h5: str, keras: str) -> list[dict[str, Any]]:
    return [{"name": "model.h5", "state": h5, "note": "n"}, {"name": "model.keras", "state": keras, "note": "n"}]


def test_a_failing_h5_fails_the_job_and_a_failing_extra_does_not() -> None:
    exporting._check_h5(exports("made", "failed"))
    with pytest.raises(Bug, match=r"model\.h5 does not survive"):
        exporting._check_h5(exports("failed", "made"))


def test_without_a_finished_trial_the_winners_own_figures_stand(work: Work) -> None:
    skipped = SimpleNamespace(validation_accuracy=None, validation_loss=None)
    assert steps._delivered_figures(work, skipped) == {"validation_accuracy": 0.8, "validation_loss": 0.5}
    tuned = SimpleNamespace(validation_accuracy=0.9, validation_loss=0.4)
    assert steps._delivered_figures(work, tuned) == {"validation_accuracy": 0.9, "validation_loss": 0.4}


def test_the_page_gets_the_winners_curve_over_select_and_tune(work: Work, parent: Parent) -> None:
    point = CurvePoint("tune", "mobilenet", 1)
    steps._teller(work, Stage.TUNE)(LearningProgress(1.0, "m", curve=(point,)))
    assert parent.heard[-1]["curve"] == [{"name": "mobilenet", "epoch": 1}, point.to_json()]
    assert 0.5 < parent.heard[-1]["fraction"] <= 0.81


def test_a_candidate_without_weights_is_named_with_its_reason() -> None:
    row = steps._without_weights("vgg16", "no weights on this machine")
    assert (row["state"], row["note"], row["validation_accuracy"]) == ("no_weights", "no weights on this machine", None)


def quoting(tmp_path: Path, parent: Parent, left: float, price: float = 0.0) -> Work:
    """A job of two minutes of which so many seconds are left; photos without pixels."""
    spec = Spec(
        "abcdefgh",
        tmp_path / "x.zip",
        tmp_path,
        Options(minutes=2, exports=("h5", "keras")),
        Limits(),
        left,
        "2026-01-01",
        "2026-01-01",
    )
    parts = np.array([0] * 60 + [1] * 20 + [2] * 20, np.uint8)
    work = Work(replace(spec, hourly_price=price), parent)
    work._dataset = SimpleNamespace(rows=lambda part: np.flatnonzero(parts == part))  # type: ignore[assignment]
    return work


def test_the_quote_counts_from_the_claim_to_the_outcome(parent: Parent, tmp_path: Path) -> None:
    work = quoting(tmp_path, parent, left=100.0, price=36.0)
    steps._teller(work, Stage.SELECT)(Quote(30.0, 10.0))
    expected = 20 + 30 + work.fixed_seconds + stages.FINISH_PASSES * 20 / 10
    assert work.quoted_seconds == pytest.approx(expected, abs=1)
    told = parent.heard[-1]
    assert told["quoted_seconds"] == work.quoted_seconds
    said = re.fullmatch(r"It will take about (\d+) min, ([\d.]+) of machine time", told["message"])
    assert said is not None
    assert said[1] == "1" and float(said[2]) == pytest.approx(expected / 100, abs=0.02)


def test_no_more_than_the_budget_is_quoted_and_every_later_word_repeats_it(parent: Parent, tmp_path: Path) -> None:
    work = quoting(tmp_path, parent, left=120.0)
    work.quote(10_000.0, 10.0)
    work.tell(Stage.TUNE, 1.0, "m")
    assert parent.heard[-1]["quoted_seconds"] == 120.0
    assert parent.heard[0]["message"] == "It will take about 2 min"


def test_an_adopted_selection_brings_its_quote(parent: Parent, tmp_path: Path) -> None:
    work = quoting(tmp_path, parent, left=60.0)
    work.results[Stage.SELECT] = {"quoted_seconds": 77.0}
    work.adopt_quote()
    work.tell(Stage.TUNE, 1.0, "m")
    assert parent.heard[-1]["quoted_seconds"] == 77.0


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (1000.0, 300),  # time enough: all of them
        (80.0, 150),  # a good minute of passes at 5 a second, two files: every other one
        (-5.0, 50),  # no time at all: still some
    ],
)
def test_the_files_are_proved_on_what_the_time_allows(
    parent: Parent, tmp_path: Path, left: float, expected: int
) -> None:
    work = quoting(tmp_path, parent, left)
    work.results[Stage.SELECT] = {"plain_images_per_second": 5.0}
    assert len(range(300)[work.proof(300, 2)]) == pytest.approx(expected, rel=0.05)
