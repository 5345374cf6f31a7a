"""A job that always runs out of memory: three attempts, one mail, and the queue goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.job import Job, Status
from tests.faults.house import House, Site, open_house

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

PATIENCE = 240.0  # seconds; the waits between attempts are some 20 and 60 s
LEASE = "60"  # seconds: no crowd of other processes takes so long from a worker, and none dies here


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as opened:
        yield opened


def job_of(site: Site, job_id: str) -> Job:
    record = site.queue.read(job_id)
    assert record is not None
    return record.job


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_poison_job_ends_after_three_attempts_and_the_queue_goes_on(house: House) -> None:
    """Both ways to run out of memory side by side, as each mostly waits."""
    with ThreadPoolExecutor(2) as pool:
        for end in [pool.submit(poisoned, house, how) for how in ("MemoryError", "SIGKILL")]:
            end.result()


def poisoned(house: House, how: str) -> None:
    """A site of its own, with one poison job, three others and one worker."""
    site = Site(house, how.lower())
    try:
        address = f"poison@{site.name}.example.org"
        poison = site.submit(address)
        (site.stub / f"eats-memory-{poison[:8]}").write_text(how, encoding="utf-8")
        worker = site.forked(MODELMAIL_LEASE_SECONDS=LEASE)
        until(lambda: job_of(site, poison).crashes == 1)
        others = [site.submit(f"other{n}@example.org", hmac=f"{n}" * 64) for n in range(3)]
        until(lambda: all(job_of(site, other).settled for other in others))
        assert not job_of(site, poison).status.terminal  # they did not wait for it
        until(lambda: job_of(site, poison).settled)
        job = job_of(site, poison)
        assert (job.status, job.error and job.error.code) == (Status.FAILED, "crashed")
        assert (site.stub / "made").read_text().count(f"stages/intake {poison[:8]}") == 3
        assert [mail["Subject"] for mail in house.mails(address)] == ["Your model could not be trained"]
        assert len(house.mails(f"operator@{site.name}.example.org")) == 1
        assert [job_of(site, other).status for other in others] == [Status.DONE] * 3
        assert worker.poll() is None
        waits = [gap for gap in gaps(job) if gap > 10]
        assert len(waits) == 2 and waits[0] < waits[1]  # each wait is longer
        assert list(site.queue.buckets.models.list(f"{poison}/")) == []
    finally:
        site.close()


def gaps(job: Job) -> list[float]:
    """Seconds between the lines of the job's history."""
    times = [datetime.fromisoformat(line.at) for line in job.history]
    return [(after - before).total_seconds() for before, after in pairwise(times)]
