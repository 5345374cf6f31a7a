"""Clocks as objects that are passed in, so that leases and deadlines can be tested without waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A clock with wall time for records and people, monotonic time for leases, and sleep."""

    def now(self) -> datetime:
        """Return the wall time in UTC, with its time zone."""
        ...

    def monotonic(self) -> float:
        """Return the seconds on this process's own clock, which never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall time in UTC, with its time zone."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the seconds since an unspecified moment; they never decrease."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        time.sleep(seconds)


class FakeClock:
    """A clock for tests, which moves only when `advance` or `sleep` is called; without a start from 2026 on."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """Return the start time plus the time that has passed."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Move the clock by this time at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock by this time."""
        self._elapsed += seconds
