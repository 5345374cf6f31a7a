"""220 submissions, 8 workers, a function that sweeps, users who delete, and 429 to one write in twenty.

Some addresses send more than a day's jobs at once.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.job import Job, Status
from jobs.limits import Limits
from tests.faults import race, stub
from tests.faults.house import Site, open_house

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SHARES = 15  # submissions of each shared address, of which a day's limit is taken
SHARED = [f"shared{n}@example.org" for n in range(4)]
ADDRESSES = [f"racer{n}@example.org" for n in range(160)]
for place in range(SHARES):  # among the others
    ADDRESSES[place * 12 : place * 12] = SHARED
DELETES_EVERY = 5
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
        site.forked(MODELMAIL_LEASE_SECONDS=LEASE, MODELMAIL_LIMIT_SWEEP_SECONDS="30")
    with race.run(site, race.Plan(ADDRESSES, DELETES_EVERY, sweeps=True)) as raced:
        submitted = time.monotonic() - began
        until(lambda: not any(site.queue.buckets.emails.list("open/")))
        jobs = [job for job_id in raced.jobs if (job := job_of(site, job_id))]
        until(lambda: left_behind(site, jobs) == [])
    show(raced, submitted, time.monotonic() - began, jobs)
    assert raced.sweeps > 0
    assert stub.overlaps(site.stub) == []
    check_ends(raced, jobs)
    check_mails(site, raced)
    check_limits(raced, jobs)


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "not all jobs end"
        time.sleep(0.5)


def job_of(site: Site, job_id: str) -> Job | None:
    record = site.queue.read(job_id)
    return record.job if record else None


def left_behind(site: Site, jobs: list[Job]) -> list[str]:
    """What is in the buckets although no job needs it."""
    done = {job.id for job in jobs if job.status is Status.DONE}
    models = [stat.name for stat in site.queue.buckets.models.list() if stat.name.partition("/")[0] not in done]
    return [*models, *(stat.name for stat in site.queue.buckets.datasets.list())]


def check_ends(raced: race.Race, jobs: list[Job]) -> None:
    """Each job has one end: its user's, or its only one."""
    assert len(jobs) == len(raced.jobs) == len(ADDRESSES) - raced.full
    assert {job.id for job in jobs if job.status is Status.DELETED} == set(raced.deleted)
    assert {job.status for job in jobs} == {Status.DONE, Status.DELETED}
    kept = [job for job in jobs if job.status is Status.DONE]
    assert [job.history for job in kept if sum(line.event == "done" for line in job.history) != 1] == []
    assert [job.takeovers for job in jobs if job.takeovers] == []


def check_mails(site: Site, raced: race.Race) -> None:
    """One mail for each job; of a job that was deleted none, or the one that came before."""
    mails = site.house.all_mails()
    assert len({mail["Message-ID"] for mail in mails}) == len(mails)
    most = Counter(raced.jobs.values())
    least = Counter(address for job_id, address in raced.jobs.items() if job_id not in raced.deleted)
    had = Counter(str(mail["To"]) for mail in mails)
    assert {to: count for to, count in had.items() if not least[to] <= count <= most[to]} == {}
    assert set(least) <= set(had)


def check_limits(raced: race.Race, jobs: list[Job]) -> None:
    """No address has had more jobs in a day than one may have; a slot whose answer was lost stays taken."""
    days = Counter((raced.jobs[job.id], job.created_at.date()) for job in jobs)
    assert max(days.values()) <= Limits().jobs_per_address_per_day
    assert raced.full >= len(SHARED) * (SHARES - 2 * Limits().jobs_per_address_per_day)


def show(raced: race.Race, submitted: float, seconds: float, jobs: list[Job]) -> None:
    """What was measured."""
    crashes = sum(job.crashes for job in jobs)
    print(
        f"\n{len(jobs)} jobs, {WORKERS} workers: submitted and deleted in {submitted:.0f} s, "
        f"all mailed in {seconds:.0f} s; {crashes} attempts crashed; {raced.refused} answers were 503, "
        f"{raced.full} 429; {raced.sweeps} sweeps\n"
        f"deleted when they were {dict(Counter(raced.deleted.values()))}\n"
        f"POST / with {race.CALLERS} callers: p50 {raced.p(50):.3f} s, p95 {raced.p(95):.3f} s, p99 {raced.p(99):.3f} s"
    )
