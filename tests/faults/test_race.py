"""200 submissions, 8 workers, and a storage that answers 429 to one write in twenty."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.job import Job, Status
from tests.faults import race, stub
from tests.faults.house import Site, open_house

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

JOBS = 200
WORKERS = 8
LEASE = "20"  # seconds: a crowded machine is slow, and no worker dies here
PATIENCE = 900.0  # seconds


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_house(tmp_path, "--admin") as house:
        opened = Site(house, "race")
        yield opened
        opened.close()


def test_the_race(site: Site) -> None:
    race.make_busy(site)
    began = time.monotonic()
    for _ in range(WORKERS):
        site.worker(MODELMAIL_LEASE_SECONDS=LEASE, MODELMAIL_LIMIT_SWEEP_SECONDS="30")
    raced = race.run(site, JOBS)
    submitted = time.monotonic() - began
    jobs = ended(site, list(raced.ids.values()))
    show(raced, submitted, time.monotonic() - began, jobs)
    assert Counter(job.status for job in jobs) == {Status.DONE: JOBS}
    assert [job.history for job in jobs if sum(line.event == "done" for line in job.history) != 1] == []
    assert [job.takeovers for job in jobs if job.takeovers] == []
    assert stub.overlaps(site.stub) == []
    assert sorted(mail["To"] for mail in site.house.all_mails()) == sorted(raced.ids)
    assert list(site.queue.buckets.datasets.list()) == []


def ended(site: Site, ids: list[str]) -> list[Job]:
    """The jobs, once all have ended and their mails are out."""
    end = time.monotonic() + PATIENCE
    while any(True for _ in site.queue.buckets.emails.list("open/")):
        assert time.monotonic() < end, "not all jobs end"
        time.sleep(1)
    records = [site.queue.read(job_id) for job_id in ids]
    return [record.job for record in records if record is not None]


def show(raced: race.Race, submitted: float, seconds: float, jobs: list[Job]) -> None:
    """What was measured."""
    crashes = sum(job.crashes for job in jobs)
    print(
        f"\n{len(jobs)} jobs, {WORKERS} workers: submitted in {submitted:.0f} s, all mailed in {seconds:.0f} s; "
        f"{crashes} attempts crashed; {raced.refused} answers were 503\n"
        f"POST / with {race.CALLERS} callers: p50 {raced.p(50):.3f} s, p95 {raced.p(95):.3f} s, p99 {raced.p(99):.3f} s"
    )
