"""How much time a detector's job keeps for testing, files and report, and that it ends in time."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jobs.clock import FakeClock
from jobs.limits import Limits
from jobs.options import Options
from tests.unit.detection.engine.toys import squares
from vm_worker.spec import Spec
from vm_worker.stages.clock import JobClock
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.inputs import Inputs
from vm_worker.tasks.detection import last_stages
from vm_worker.tasks.detection.engine.effort import Effort
from vm_worker.tasks.detection.engine.plan import planned
from vm_worker.tasks.detection.last_stages import FILES_SHARE, ROOM, LastStages, Speed, ToTest

XEON = Speed(frame=0.03, gflops=0.39, start=3.6)
SEALS = ToTest(photos=42, frames=42, megapixels=10.5)
DEMO = ("h5", "keras", "tflite")
LAST = LastStages.of(SEALS, XEON, DEMO)
# What these stages took of the seals' jobs on an idle machine: what must be, and the other files.
TOOK = LastStages(must=15.0, files=14.0)


def job_clock(seconds: float, crowd: float, minutes: int = 7) -> JobClock:
    folder, began = Path("none"), "2026-01-01T00:00:00+00:00"
    spec = Spec("abcdefgh", folder, folder, Options(minutes=minutes), Limits(), seconds, began, began)
    results = CommittedResults()
    clock = JobClock(spec, results, Inputs(spec, results, lambda fraction, text: None), time.monotonic())
    clock.start_seconds, clock.crowd = XEON.start, lambda: crowd
    return clock


def test_more_photos_frames_and_files_take_longer() -> None:
    assert LastStages.of(replace(SEALS, frames=420), XEON, DEMO).must == pytest.approx(LAST.must + 378 * XEON.frame)
    assert LastStages.of(replace(SEALS, megapixels=510.5), XEON, DEMO).must > LAST.must + 10
    assert LastStages.of(ToTest(3, 3, 1.0), XEON, DEMO).must < LAST.must
    assert LastStages.of(SEALS, replace(XEON, start=7.2), DEMO).must > LAST.must + 10
    assert LastStages.of(SEALS, XEON, ("h5",)) == LastStages(LAST.must, 0.0)
    by_keras = LastStages.of(SEALS, XEON, ("h5", "keras")).files
    assert 0 < by_keras < 2 < LAST.files < LastStages.of(SEALS, XEON, (*DEMO, "onnx")).files


def test_an_input_of_other_sides_takes_as_long_as_it_has_pixels() -> None:
    labels, _ = squares(4, 0)
    plan = planned("tiny", labels, Effort(steps=4, rows=48, inputs=(96,)))
    assert XEON.of_plan(replace(plan, height=320, width=320)) == XEON
    assert XEON.of_plan(replace(plan, height=640, width=320)) == replace(XEON, frame=2 * XEON.frame)


def test_the_kept_time_grows_with_the_crowd_and_files_never_take_the_trainings_time() -> None:
    assert LAST.kept(1.0, 1000.0) == pytest.approx((1 + ROOM) * (LAST.must + LAST.files))
    assert LAST.kept(3.0, 1000.0) == pytest.approx((3 + ROOM) * (LAST.must + LAST.files))
    must = (1 + ROOM) * LAST.must
    assert LAST.kept(1.0, must + 20) == pytest.approx(must + FILES_SHARE * 20)
    assert LAST.kept(1.0, 1.0) == pytest.approx(must)  # the time is over: what must be is kept


def test_a_budget_ends_before_what_is_kept_and_the_longest_one_leaves_files_out() -> None:
    clock = job_clock(400.0, 1.5)
    left = LAST.budget(clock).remaining()
    assert left == pytest.approx(400.0 - LAST.kept(1.5, 400.0), abs=1)
    longest = LAST.longest(clock).remaining()
    assert longest == pytest.approx(400.0 - 1.5 * LAST.must, abs=1) and longest > left


def test_a_start_is_taken_once_and_a_cold_disk_is_not_believed() -> None:
    clock = job_clock(400.0, 2.0)
    clock.start_seconds = None
    clock.began -= 10.0
    last_stages.begun(clock)
    assert clock.start_seconds == pytest.approx(5.0, abs=0.5)  # alone on the machine
    clock.began -= 1000.0
    last_stages.begun(clock)
    assert clock.start_seconds == pytest.approx(5.0, abs=0.5)
    clock.start_seconds = None
    last_stages.begun(clock)
    assert clock.start_seconds == last_stages.START_MOST


def test_the_speed_that_was_seen_is_that_of_a_machine_alone() -> None:
    shown = last_stages.shown_speed(job_clock(400.0, 2.0), forward=0.04, gflops=0.39)
    assert (shown.frame, shown.start) == pytest.approx((last_stages.WHOLE * 0.02, XEON.start))


@dataclass(frozen=True)
class Ended:
    """A job that ended."""

    trained: float  # seconds
    took: float  # from the claim
    files: bool  # whether there was time for other files than model.h5


def simulated(minutes: int, crowd: float, later: float) -> Ended:
    """A job whose training takes all its time, on a machine that gets busier for the last stages."""
    clock = FakeClock()
    clock.advance(crowd * (XEON.start + 2.0))  # it starts, and takes the photos in
    left = 60.0 * minutes - clock.monotonic()
    trained = max(0.0, left - LAST.kept(crowd, left))
    clock.advance(trained)
    clock.advance(later * TOOK.must)
    files = later * TOOK.files <= 60.0 * minutes - clock.monotonic()
    clock.advance(later * TOOK.files if files else 0.0)
    return Ended(trained, clock.monotonic(), files)


@pytest.mark.parametrize("minutes", [4, 7, 12, 20])
@pytest.mark.parametrize("crowd", [1.0, 1.5, 2.0, 3.0])
def test_a_job_ends_in_time_quiet_or_busy_with_all_files(minutes: int, crowd: float) -> None:
    ended = simulated(minutes, crowd, crowd)
    assert ended.took <= 60.0 * minutes
    assert ended.files or crowd * 60 > 15 * minutes
    assert ended.trained > 0.2 * 60.0 * minutes


@pytest.mark.parametrize("minutes", [4, 7, 12, 20])
def test_a_job_ends_in_time_where_other_programs_start_behind_its_training(minutes: int) -> None:
    assert simulated(minutes, 1.0, 2.5).took <= 1.05 * 60.0 * minutes


def test_seven_minutes_beside_other_programs_leave_time_for_tuning() -> None:
    """Half of them and more: a share of the budget, times the crowd, left a third."""
    assert simulated(7, 2.0, 2.0).trained > 0.6 * 420.0
