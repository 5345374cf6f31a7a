"""The waits before another try: how they grow, how far they spread, and where they end."""

from __future__ import annotations

import pytest

from jobs.retries import CRASH, MAIL, RECORD, STORAGE, Backoff

DRAWS = 2000
# Seconds in the middle of the spread, after the first failed try, the second, and so on; then the longest.
WAITS = {
    "record": (RECORD, (1.1, 1.76, 2.816, 4.506, 7.209), 8.0, 0.2),
    "crash": (CRASH, (20.0, 60.0, 180.0), 300.0, 0.2),
    "mail": (MAIL, (30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0), 3600.0, 0.2),
    "storage": (STORAGE, (0.5, 1.0, 2.0, 4.0, 8.0, 16.0), 20.0, 0.3),
}


@pytest.mark.parametrize(("row", "growing", "most", "jitter"), WAITS.values(), ids=WAITS)
def test_waits_grow_up_to_the_longest(row: Backoff, growing: tuple[float, ...], most: float, jitter: float) -> None:
    assert row.most == most
    for tries, wanted in enumerate((*growing, most, most), 1):
        drawn = [row.wait(tries) for _ in range(DRAWS)]
        assert min(drawn) == pytest.approx(wanted * (1 - jitter), rel=0.02)
        assert max(drawn) == pytest.approx(wanted * (1 + jitter), rel=0.02)


def test_a_wait_after_a_great_many_tries_is_a_number() -> None:
    assert Backoff(1.0, 2.0, 10.0, 0.0, "").wait(100_000) == 10.0


def test_a_row_without_an_upper_end_stops_growing() -> None:
    assert Backoff(1.0, 2.0, float("inf"), 0.0, "").wait(100_000) == 2.0**30
