"""The time as the emulator sees it: this machine's, moved by what a test asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Expiry of signatures, creation times and lifecycle rules all ask here. Generations do not: they only rise."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def now(self) -> datetime:
        """The moment, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)

    def text(self) -> str:
        """The moment, RFC 3339 with milliseconds, as the service writes it."""
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
