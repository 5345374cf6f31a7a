"""A real worker is killed in the middle of real training; another finishes the job, with one mail."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from infra.local.demo_photos import make
from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from tests.workers import OPTIONS, Journey, child_of, runs, until, worker

# Few photos, one trial and two files: what goes on around the kill need not fill the two minutes.
SHORT = {**OPTIONS, "epochs": 4, "trials": 1, "exports": ["h5", "keras"]}
EACH = 24  # photos of a kind


def few_photos(folder: Path) -> Path:
    """The first of the demo's photos of each kind."""
    for kind in make(folder).iterdir():
        for photo in sorted(kind.iterdir())[EACH:]:
            photo.unlink()
    return folder


@pytest.mark.timeout(300)
def test_a_worker_killed_in_the_middle_costs_nothing_but_time(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", EPHEMERAL, worker=False) as stack:
        journey = Journey.start(stack, tmp_path, SHORT, few_photos(tmp_path / "photos"))
        with worker(stack, tmp_path / "first") as first:
            until(lambda: journey.manifest("select"))
            child = child_of(first.pid)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
            until(lambda: not runs(child), 10)
        selected = journey.manifest("select")
        with worker(stack, tmp_path / "second"):
            journey.end()
        assert journey.mails() == ["1-report.eml"]
        assert journey.manifest("select") == selected  # adopted, not made again
        tokens = {stage: journey.manifest(stage)["token"] for stage in ("intake", "select", "report")}
        assert tokens == {"intake": 1, "select": 1, "report": 2}
        assert journey.strays() == set()
