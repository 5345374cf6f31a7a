"""A forked worker and its attempt: found where they are left running, and with nothing in common but two pipes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from jobs.job import Status
from tests.faults.halted import site
from tests.faults.house import Site
from tests.workers import children_of, runs, until

__all__ = ["site"]  # a fixture

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

CALM = "60"  # seconds of a lease that no crowd takes from a worker
HASTY = "10"


def test_an_attempt_that_its_worker_has_left_is_found_and_ends(site: Site) -> None:
    job_id = site.submit("ada@example.org")
    worker = site.forked(MODELMAIL_LEASE_SECONDS=CALM)
    until((site.stub / "reached").exists, pause=0.05)
    (child,) = children_of(worker.pid)
    assert sorted(site.left_running()) == sorted((worker.pid, child))
    assert opened(child) == {"/dev/null", "attempt.log", "pipe", f"lock-{job_id[:8]}"}
    os.kill(child, signal.SIGSTOP)
    worker.kill()
    worker.wait()
    assert site.left_running() == [child]
    os.kill(child, signal.SIGCONT)
    until(lambda: not site.left_running(), pause=0.05)
    assert not runs(child)
    (site.stub / "stop-at").unlink()
    site.forked(MODELMAIL_LEASE_SECONDS=HASTY)
    until(lambda: (record := site.queue.read(job_id)) and record.job.settled)
    record = site.queue.read(job_id)
    assert record is not None and record.job.status is Status.DONE


def opened(pid: int) -> set[str]:
    """What a process has open: the kind of what has no path, else the file."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return {link if link == os.devnull else Path(link.partition(":")[0]).name for link in links}
