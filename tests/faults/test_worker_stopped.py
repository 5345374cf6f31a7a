"""A worker that is asked to stop, and an attempt that dies: the job goes on, with one mail."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.stack import Stack
from tests.workers import Journey, child_of, runs, until, worker

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    with Stack(tmp_path / "data", worker=False) as stack:
        yield Journey.start(stack, tmp_path)


@pytest.mark.parametrize("stage", ["intake", "tune", "export"])
def test_a_worker_told_to_stop_hands_the_job_over_at_once(journey: Journey, tmp_path: Path, stage: str) -> None:
    with worker(journey.stack, tmp_path / "first") as first:
        until(lambda: journey.manifest(stage))
        child = child_of(first.pid)
        os.kill(first.pid, signal.SIGTERM)
        assert first.wait(timeout=10) == 0
        assert not runs(child)
    assert journey.client.status(journey.status_url).status == "awaiting_worker"
    with worker(journey.stack, tmp_path / "second"):
        journey.end()
    assert journey.mails() == ["1-report.eml"]
    assert journey.manifest(stage)["token"] == 1
    assert journey.manifest("report")["token"] == 2
    assert journey.strays() == set()


def test_an_attempt_that_dies_is_tried_again_by_the_same_worker(journey: Journey, tmp_path: Path) -> None:
    with worker(journey.stack, tmp_path / "only") as only:
        until(lambda: journey.manifest("select"))
        os.kill(child_of(only.pid), signal.SIGKILL)
        until(lambda: journey.client.status(journey.status_url).status == "awaiting_worker")
        journey.end()
        assert only.poll() is None
    assert journey.mails() == ["1-report.eml"]
    assert journey.manifest("select")["token"] == 1
    assert journey.strays() == set()
