"""How many jobs an hour 1, 2 and 4 workers finish on one set of buckets, and what a job costs in storage calls.

Training is a stub that sleeps: what is measured is everything else, from the claim to the mail. Real workers
on one machine show what is left of it where the processor is the limit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from function.client import zip_folder
from infra.local.demo_photos import make
from jobs import job as jobs
from jobs.options import Options
from tests.faults.house import House, Site, open_house

EACH = 10  # jobs for each worker: 40 for the most
SECONDS = 30.0  # that the stub's training takes; real ones take minutes
COUNTS = (1, 2, 4)
REAL_JOBS = 4
REAL = Options(minutes=2, candidates=("efficientnet_lite0",), epochs=10, trials=0)
PATIENCE = 1500.0  # seconds
SLEEPER = {"MODELMAIL_STUB_STAGES": "tests.faults.sleeper", "MODELMAIL_STUB_SECONDS": str(SECONDS)}
CALM = {"MODELMAIL_LEASE_SECONDS": "60", "MODELMAIL_LIMIT_SWEEP_SECONDS": "60"}  # as on the cloud
CALLS = {  # method and path of the storage's calls
    "list, models": ("GET", r"-models/o(\?|$)"),
    "list, datasets": ("GET", r"-datasets/o(\?|$)"),
    "read": ("GET", r"/b/[^/]+/o/"),
    "write": ("POST", r"^/upload/"),
    "delete": ("DELETE", r"/b/[^/]+/o/"),
}

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, "--admin") as opened:
        yield opened


@dataclass(frozen=True)
class Measured:
    """What so many workers did while all of them were busy."""

    workers: int
    hourly: float  # jobs
    twice: int  # jobs that two attempts worked on at a time


def open_jobs(site: Site) -> int:
    return sum(1 for _ in site.queue.buckets.emails.list("open/"))


def until_left(site: Site, left: int) -> tuple[int, float]:
    """Wait until no more jobs than that are open: how many are, and when."""
    end = time.monotonic() + PATIENCE
    while (found := open_jobs(site)) > left:
        assert time.monotonic() < end, site.logs()
        time.sleep(0.05)
    return found, time.monotonic()


def measured(house: House, workers: int) -> Measured:
    """All jobs are there before the first worker; each has an address of its own, so that none waits for another."""
    site = Site(house, f"w{workers}")
    try:
        for number in range(EACH * workers):
            site.submit(f"a{number}@example.org", hmac=f"{number:064x}")
        for _ in range(workers):
            site.worker(**SLEEPER, **CALM)
        # Neither the start of the processes counts nor the end, when some find nothing more to do.
        first, began = until_left(site, (EACH - 1) * workers)
        last, ended = until_left(site, workers)
        until_left(site, 0)
        return Measured(workers, 3600 * (first - last) / (ended - began), len(list(site.stub.glob("overlap-*"))))
    finally:
        site.close()


def test_workers(house: House) -> None:
    rows = [measured(house, workers) for workers in COUNTS]
    print(f"\n{EACH} jobs a worker, of {SECONDS:.0f} s: a stub that sleeps")
    print(f"{'workers':>8}{'jobs/h':>9}{'of linear':>11}{'s a job besides':>17}{'done twice':>12}")
    for row in rows:
        linear = row.hourly / rows[0].hourly / row.workers
        besides = row.workers * 3600 / row.hourly - SECONDS
        print(f"{row.workers:8}{row.hourly:9.0f}{linear:11.0%}{besides:17.2f}{row.twice:12}")
    assert [row.twice for row in rows] == [0] * len(rows)


def test_calls(house: House) -> None:
    """Of one job through one worker, and of a minute without any."""
    site, url = Site(house, "calls"), f"{house.storage_url}/_emulator/faults"
    rules = [{"method": method, "path": path, "action": "slow", "seconds": 0.0} for method, path in CALLS.values()]
    try:
        site.worker(**SLEEPER, **CALM)
        time.sleep(10)
        requests.put(url, json=rules, timeout=10).raise_for_status()
        site.submit("ada@example.org")
        until_left(site, 0)
        busy = [rule["hit"] for rule in requests.get(url, timeout=10).json()]
        requests.put(url, json=rules, timeout=10).raise_for_status()
        time.sleep(20)
        idle = [rule["hit"] for rule in requests.get(url, timeout=10).json()]
    finally:
        site.close()
    print(f"\n{'calls':20}{'a job':>8}{'20 s idle':>11}   (polling 5 times a second; the job's include its submission)")
    for name, one, other in zip(CALLS, busy, idle, strict=True):
        print(f"{name:20}{one:8}{other:11}")
    assert busy[-2] > 0


def test_real_workers(house: House, tmp_path: Path) -> None:
    photos = zip_folder(make(tmp_path / "photos"), tmp_path / "photos.zip")
    seconds = [trained(house, photos, workers) for workers in (1, 2)]
    print(
        f"\n{REAL_JOBS} real jobs on this machine: 1 worker {seconds[0]:.0f} s, 2 workers {seconds[1]:.0f} s, ", end=""
    )
    print(f"{seconds[0] / seconds[1]:.2f} times as fast")


def trained(house: House, photos: Path, workers: int) -> float:
    """Seconds of all the jobs, by real training."""
    site = Site(house, f"real{workers}")
    try:
        for number in range(REAL_JOBS):
            job_id = jobs.new_id()
            site.queue.submit(job_id, f"b{number}@example.org", f"{number:064x}", REAL)
            site.queue.buckets.datasets.put(f"{job_id}.zip", photos.read_bytes(), if_generation=0)
        began = time.monotonic()
        for _ in range(workers):
            site.worker(MODELMAIL_STUB_STAGES="vm_worker.stages.table", **CALM)
        until_left(site, 0)
        assert site.logs().count(": done") >= REAL_JOBS, site.logs()
        return time.monotonic() - began
    finally:
        site.close()
