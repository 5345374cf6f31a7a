"""How far a job is said to be, and how long it will go on."""

from __future__ import annotations

import pytest

from jobs.job import Stage
from vm_worker.stages.progress import MESSAGES, SHARES, remaining, whole


def test_the_bar_goes_from_nothing_to_all_and_every_stage_has_its_word() -> None:
    marks = [whole(stage, fraction) for stage in SHARES for fraction in (-0.1, 0.0, 0.5, 1.0, 1.1)]
    assert marks == sorted(marks) and marks[0] == 0.0 and marks[-1] == pytest.approx(1.0)
    assert list(MESSAGES) == list(SHARES)
    assert Stage.FINISH not in SHARES  # the job is told to be done then


@pytest.mark.parametrize(
    ("done", "elapsed", "left", "expected", "seconds"),
    [
        (0.01, 5.0, 300.0, -1000.0, 300.0),  # nothing is known yet
        (0.5, 100.0, 300.0, -1000.0, 100.0),  # as fast as until now
        (0.1, 100.0, 300.0, -1000.0, 300.0),  # the budget ends it
        (0.8, 200.0, 120.0, 90.0, 90.0),  # slower than until now, by what the files will take
        (0.8, 200.0, 60.0, 90.0, 60.0),
        (0.9, 200.0, -5.0, 90.0, 0.0),  # it is late
        (1.0, 200.0, 100.0, -3.0, 0.0),
    ],
)
def test_what_is_left(done: float, elapsed: float, left: float, expected: float, seconds: float) -> None:
    assert remaining(done, elapsed, left, expected) == pytest.approx(seconds)
