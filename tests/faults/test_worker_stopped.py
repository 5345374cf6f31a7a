"""A worker that is asked to stop, and an attempt that dies: the job goes on, with one mail."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from tests.faults.tiny import SHORT, TinyWorkers
from tests.workers import Journey, child_of, runs, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    with Stack(tmp_path / "data", EPHEMERAL, worker=False) as stack:
        yield Journey.start(stack, tmp_path, SHORT)


@pytest.fixture
def workers(journey: Journey, tmp_path: Path) -> TinyWorkers:
    return TinyWorkers(journey.stack, tmp_path)


@pytest.mark.parametrize("stage", ["intake", "tune", "export"])
def test_a_worker_told_to_stop_hands_the_job_over_at_once(journey: Journey, workers: TinyWorkers, stage: str) -> None:
    with workers.start("first") as first:
        until(lambda: journey.manifest(stage), pause=0.01)  # what follows takes less than a second
        child = child_of(first.pid)
        os.kill(first.pid, signal.SIGTERM)
        assert first.wait(timeout=10) == 0
        assert not runs(child)
    assert journey.client.status(journey.status_url).status == "awaiting_worker"
    with workers.start("second"):
        journey.end()
    assert journey.mails() == ["1-report.eml"]
    assert journey.manifest(stage)["token"] == 1
    assert journey.manifest("report")["token"] > 1  # on a crowded machine the second worker may lose its own lease, too
    assert journey.strays() == set()


def test_an_attempt_that_dies_is_tried_again_by_the_same_worker(journey: Journey, workers: TinyWorkers) -> None:
    with workers.start("only") as only:
        until(lambda: journey.manifest("select"), pause=0.01)
        os.kill(child_of(only.pid), signal.SIGKILL)
        until(lambda: journey.client.status(journey.status_url).status == "awaiting_worker")
        journey.end()
        assert only.poll() is None
    assert journey.mails() == ["1-report.eml"]
    assert journey.manifest("select")["token"] == 1
    assert journey.strays() == set()
