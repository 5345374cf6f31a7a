"""How far a job is said to be, and how long it will go on."""

from __future__ import annotations

import time

import pytest

from jobs.job import Stage
from vm_worker.events import Answer, Event, ProgressEvent, StageOffer, TrialOffer
from vm_worker.stages.progress import MESSAGES, SHARES, ProgressTeller, whole


def test_the_bar_goes_from_nothing_to_all_and_every_stage_has_its_word() -> None:
    marks = [whole(stage, fraction) for stage in SHARES for fraction in (-0.1, 0.0, 0.5, 1.0, 1.1)]
    assert marks == sorted(marks) and marks[0] == 0.0 and marks[-1] == pytest.approx(1.0)
    assert list(MESSAGES) == list(SHARES)
    assert Stage.FINISH not in SHARES  # the job is told to be done then


class Heard:
    """A worker that keeps the events."""

    def __init__(self) -> None:
        self.events: list[ProgressEvent] = []

    def send(self, event: Event) -> None:
        assert isinstance(event, ProgressEvent)
        self.events.append(event)

    def commit(self, offer: StageOffer | TrialOffer) -> Answer:
        raise AssertionError("nothing is offered here")

    def told(self) -> list[tuple[float, float | None]]:
        return [(event.fraction, event.remaining_seconds) for event in self.events]


def test_the_time_left_is_told_once_it_is_known_and_the_bar_agrees_with_it() -> None:
    heard, now = Heard(), time.monotonic()
    teller = ProgressTeller(heard, began=now - 100, end=now + 500)
    teller.tell(Stage.INTAKE, 0.0, "not known yet")
    teller.expect_end_in(300.0)
    teller.tell(Stage.SELECT, 0.0, "a quarter of the time is over")
    teller.expect_end_in(900.0)
    teller.tell(Stage.TUNE, 0.0, "the budget ends it; the bar does not go back")
    teller.expect_end_in(-1.0)
    teller.tell(Stage.EVALUATE, 0.0, "it takes longer than expected")
    teller.tell(Stage.REPORT, 1.0, "all is done")
    (none, unknown), (quarter, left), (same, most), (late, longer), (whole_bar, _) = heard.told()
    assert (none, unknown, longer, whole_bar) == (0.0, None, None, 1.0)
    assert (quarter, left) == pytest.approx((0.25, 300), rel=0.02)
    assert same == quarter and most == pytest.approx(500, abs=1)
    assert late == pytest.approx(whole(Stage.EVALUATE, 0.0))


def test_after_the_budget_nothing_is_left() -> None:
    heard, now = Heard(), time.monotonic()
    teller = ProgressTeller(heard, began=now - 100, end=now - 1)
    teller.expect_end_in(10.0)
    teller.tell(Stage.EXPORT, 0.0, "late")
    assert heard.told() == [(0.99, 0.0)]
