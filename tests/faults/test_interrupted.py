"""A job that is interrupted from outside: by the cloud, by its user, by a storage that hangs."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from jobs.job import Job, Status
from tests.faults.gate import Seen, Then, Trap, gate
from tests.faults.halted import site
from tests.faults.house import LEASE, Site
from tests.unit.worker.test_preemption import Metadata, tell, url
from tests.workers import children_of, runs

__all__ = ["site", "url"]  # fixtures

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PATIENCE = 90.0  # seconds


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


def go_on(site: Site) -> None:
    (site.stub / "stop-at").unlink()


def job_of(site: Site, job_id: str) -> Job:
    record = site.queue.read(job_id)
    assert record is not None
    return record.job


def half_way(site: Site) -> bool:
    return (site.stub / "reached").exists()


def test_a_spot_machine_that_is_taken_back_hands_its_job_over(site: Site, url: str) -> None:
    job_id = site.submit("ada@example.org")
    worker = site.worker(MODELMAIL_METADATA_URL=url)
    until(lambda: half_way(site))
    (child,) = children_of(worker.pid)
    assert Metadata.asked
    tell("TRUE")
    assert worker.wait(20) == 0
    assert not runs(child)
    job = job_of(site, job_id)
    assert (job.status, job.preemptions, job.crashes) == (Status.AWAITING_WORKER, 1, 0)
    go_on(site)
    site.worker()
    until(lambda: job_of(site, job_id).settled)
    assert job_of(site, job_id).status is Status.DONE
    assert len(site.house.mails("ada@example.org")) == 1


def test_a_job_that_is_deleted_while_it_runs_ends_without_a_trace(site: Site) -> None:
    job_id = site.submit("ada@example.org")
    worker = site.worker()
    until(lambda: half_way(site))
    (child,) = children_of(worker.pid)
    site.queue.delete(job_id)
    until(lambda: not runs(child))
    go_on(site)
    other = site.submit("bob@example.org")
    until(lambda: job_of(site, other).settled)
    assert site.house.mails("ada@example.org") == []
    assert [stat.name for stat in site.queue.buckets.models.list(f"{job_id}/")] == []
    assert job_of(site, job_id).status is Status.DELETED


def test_a_child_ends_with_its_lease_although_its_parent_hangs_in_a_request(site: Site) -> None:
    job_id = site.submit("ada@example.org")
    hanging: list[bool] = []

    def beat(seen: Seen) -> bool:
        return bool(hanging) and seen.name.startswith("jobs/")

    trap = Trap(beat)
    with gate(site.house.storage_url, trap) as storage_url:
        worker = site.worker(storage_url)
        until(lambda: half_way(site))
        (child,) = children_of(worker.pid)
        hanging.append(True)
        until(trap.reached.is_set)  # from now on the parent waits for an answer
        until(lambda: not runs(child))
        assert worker.poll() is None
        go_on(site)
        site.worker()
        time.sleep(LEASE)
        trap.let(Then.PASS)
        until(lambda: job_of(site, job_id).settled)
    job = job_of(site, job_id)
    assert (job.status, job.crashes, job.takeovers) == (Status.DONE, 0, 1)
    assert len(site.house.mails("ada@example.org")) == 1
