"""The limit of Cloud Storage of one write a second to one object name. It is off until a test turns it on."""

from __future__ import annotations

import time

from infra.emulator.protocol.errors import RATE_LIMITED, ApiError

_KEPT = 10_000  # beyond this number of names, old ones are removed


class Rate:
    """The limit of writes to each name. It has no lock: the index calls it inside a transaction."""

    def __init__(self) -> None:
        self.writes_per_second: float | None = None
        self._last: dict[tuple[str, str], float] = {}

    def admit(self, bucket: str, name: str) -> None:
        """Note a write. Raises ApiError 429 if the last write to that name was too short a time ago."""
        if self.writes_per_second is None:
            return
        now, gap = time.monotonic(), 1 / self.writes_per_second
        if now - self._last.get((bucket, name), -gap) < gap:
            details = f"The object {bucket}/{name} exceeded the rate limit for object mutation operations."
            raise ApiError(RATE_LIMITED, details)
        if len(self._last) >= _KEPT:
            self._last = {key: moment for key, moment in self._last.items() if now - moment < gap}
        self._last[bucket, name] = now
