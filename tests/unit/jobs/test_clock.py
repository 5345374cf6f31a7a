"""The machine's clock, and the one that tests move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.clock import FakeClock, SystemClock


def test_the_machines_clock_goes_on_while_it_sleeps() -> None:
    clock = SystemClock()
    began, before = clock.monotonic(), clock.now()
    clock.sleep(0.02)
    assert 0.02 <= clock.monotonic() - began < 5
    assert clock.now() - before >= timedelta(seconds=0.01)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_clock_of_a_test_moves_when_it_is_told_to() -> None:
    start = datetime(2030, 2, 3, 4, 5, tzinfo=UTC)
    clock = FakeClock(start)
    assert (clock.now(), clock.monotonic()) == (start, 0.0)
    clock.advance(90)
    clock.sleep(0.5)
    assert (clock.now(), clock.monotonic()) == (start + timedelta(seconds=90.5), 90.5)


def test_a_clock_of_a_test_begins_with_2026() -> None:
    assert FakeClock().now() == datetime(2026, 1, 1, tzinfo=UTC)
