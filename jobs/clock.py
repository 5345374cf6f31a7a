"""Clocks as objects that are passed in, so that leases and deadlines can be tested without waiting."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for records and people, monotonic time for leases, and sleep."""

    def now(self) -> datetime:
        """Give the wall time, UTC and aware."""
        ...

    def monotonic(self) -> float:
        """Give the seconds on this process's own clock, which never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the wall time, UTC and aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give the seconds since some moment; they never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        time.sleep(seconds)


class FakeClock:
    """A clock that moves only when told, or when somebody sleeps on it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """Give the start plus what has passed."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Give what has passed, in seconds."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        self._elapsed += seconds
