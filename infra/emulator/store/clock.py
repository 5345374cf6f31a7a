"""The emulator's clock: the time of this machine, plus an offset that tests may set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.emulator.resources.reading import timestamp


class Clock:
    """A clock for expiries, creation times and lifecycle rules. Generations do not use it, as they must only grow."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> datetime:
        """Get the current time, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)

    def text(self) -> str:
        """Get the current time as RFC 3339 with milliseconds, as Cloud Storage writes it."""
        return timestamp(self.now())
