"""How fast `POST /` answers and jobs pass through while eight workers race, with a calm and with a busy storage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import race
from tests.faults.house import House, Site, open_house

JOBS = 60
WORKERS = 8
PATIENCE = 600.0  # seconds

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path, "--admin") as opened:
        yield opened


def test_race(house: House) -> None:
    calm, busy = (measured(house, name) for name in ("calm", "busy"))
    print(f"\n{JOBS} jobs, {WORKERS} workers, {race.CALLERS} callers; busy: 429 to {race.BUSY_SHARE:.0%} of writes")
    print(f"{'storage':10}{'p50 s':>8}{'p95 s':>8}{'p99 s':>8}{'all mailed s':>14}{'refused':>9}")
    for name, (raced, seconds) in (("calm", calm), ("busy", busy)):
        percentiles = "".join(f"{raced.p(percent):8.3f}" for percent in (50, 95, 99))
        print(f"{name:10}{percentiles}{seconds:14.0f}{raced.refused:9}")
    print(f"{'ratio':10}{'':8}{busy[0].p(95) / calm[0].p(95):8.2f}{'':8}{busy[1] / calm[1]:14.2f}")
    assert [len(raced.jobs) for raced, _ in (calm, busy)] == [JOBS, JOBS]


def measured(house: House, name: str) -> tuple[race.Race, float]:
    """The race on buckets of its own, and the seconds until its last mail."""
    site = Site(house, name)
    try:
        if name == "busy":
            race.make_busy(site)
        began = time.monotonic()
        for _ in range(WORKERS):
            site.worker(MODELMAIL_LEASE_SECONDS="20", MODELMAIL_LIMIT_SWEEP_SECONDS="30")
        with race.run(site, race.Plan([f"racer{number}@example.org" for number in range(JOBS)])) as raced:
            while any(True for _ in site.queue.buckets.emails.list("open/")):
                assert time.monotonic() - began < PATIENCE
                time.sleep(0.5)
            return raced, time.monotonic() - began
    finally:
        site.close()
