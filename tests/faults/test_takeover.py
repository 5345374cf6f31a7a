"""A real worker is killed in the middle of training a tiny network; another finishes the job, with one mail."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from tests.faults.tiny import SHORT, TinyWorkers
from tests.workers import Journey, child_of, runs, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def test_a_worker_killed_in_the_middle_costs_nothing_but_time(tmp_path: Path) -> None:
    with Stack(tmp_path / "data", EPHEMERAL, worker=False) as stack:
        journey, workers = Journey.start(stack, tmp_path, SHORT), TinyWorkers(stack, tmp_path)
        with workers.start("first") as first:
            until(lambda: journey.manifest("select"))
            child = child_of(first.pid)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
            until(lambda: not runs(child), 10)
        selected = journey.manifest("select")
        with workers.start("second"):
            journey.end()
        assert journey.mails() == ["1-report.eml"]
        assert journey.manifest("select") == selected  # adopted, not made again
        tokens = {stage: journey.manifest(stage)["token"] for stage in ("intake", "select", "report")}
        takeovers = journey.takeovers()  # on a crowded machine the second worker may lose its own lease, too
        assert takeovers >= 1
        assert tokens == {"intake": 1, "select": 1, "report": 1 + takeovers}
        assert journey.strays() == set()
