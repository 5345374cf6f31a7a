"""Real training, hit at three of its points; the kill matrix has the rest with attempts that learn nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack
from tests.faults.gate import Trap, gate
from tests.faults.tiny import SHORT, TinyWorkers
from tests.workers import LEASE, Journey, child_of, children_of, runs, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

OUTAGE = 1.5 * LEASE  # seconds


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    with Stack(tmp_path / "data", ports=EPHEMERAL, worker=False) as stack:
        yield Journey.start(stack, tmp_path, SHORT)


@pytest.fixture
def workers(journey: Journey, tmp_path: Path) -> TinyWorkers:
    return TinyWorkers(journey.stack, tmp_path)


def ends_well(journey: Journey) -> None:
    journey.end()
    assert journey.mails() == ["1-report.eml"]
    assert journey.strays() == set()
    assert journey.left_over() == set()


def test_a_worker_killed_while_it_decodes_leaves_no_process_behind(journey: Journey, workers: TinyWorkers) -> None:
    with workers.start("first") as first:
        child = until(lambda: next(iter(children_of(first.pid)), 0), pause=0.01)
        decoders = until(lambda: found if len(found := children_of(child)) >= 2 else [], pause=0.01)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        until(lambda: not any(runs(pid) for pid in (child, *decoders)), 10)
    with workers.start("second"):
        ends_well(journey)
    assert 1 < journey.manifest("intake")["token"] <= 1 + journey.takeovers()


def test_a_worker_that_stands_still_in_tuning_finds_its_job_taken_over(journey: Journey, workers: TinyWorkers) -> None:
    with workers.start("first") as first:
        selected = until(lambda: journey.manifest("select"), pause=0.01)
        child = child_of(first.pid)
        os.kill(first.pid, signal.SIGSTOP)
        with workers.start("second"):
            time.sleep(2 * LEASE)
            os.kill(first.pid, signal.SIGCONT)
            until(lambda: not runs(child), 10)  # it does not go on with what is another's
            ends_well(journey)
        assert first.poll() is None
    assert journey.manifest("select") == selected
    assert journey.manifest("report")["token"] == 1 + journey.takeovers() > 1


def test_an_outage_while_it_exports_costs_one_attempt_at_most(journey: Journey, workers: TinyWorkers) -> None:
    trap = Trap()
    with (
        gate(journey.stack.storage_url, trap) as url,
        workers.start("only", MODELMAIL_STORAGE_URL=url) as only,
    ):
        evaluated = until(lambda: journey.manifest("evaluate"), pause=0.01)
        trap.go_down(OUTAGE)
        ends_well(journey)
        assert only.poll() is None
    assert journey.manifest("evaluate") == evaluated
    assert journey.manifest("report")["token"] <= 2
