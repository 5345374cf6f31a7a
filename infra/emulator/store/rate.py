"""The service's limit of one write a second to one object name; off until switched on."""

from __future__ import annotations

import time

from infra.emulator.protocol.errors import RATE_LIMITED, ApiError

_KEPT = 10_000  # names remembered before old ones are forgotten


class Rate:
    """Counts writes that would be committed. Not safe from several threads: the index asks inside its transaction."""

    def __init__(self) -> None:
        self.writes_per_second: float | None = None
        self._last: dict[tuple[str, str], float] = {}

    def admit(self, bucket: str, name: str) -> None:
        """Count a write. Raises ApiError 429 where the last one to that name is too near."""
        if self.writes_per_second is None:
            return
        now, gap = time.monotonic(), 1 / self.writes_per_second
        if now - self._last.get((bucket, name), -gap) < gap:
            details = f"The object {bucket}/{name} exceeded the rate limit for object mutation operations."
            raise ApiError(RATE_LIMITED, details)
        if len(self._last) >= _KEPT:
            self._last = {key: moment for key, moment in self._last.items() if now - moment < gap}
        self._last[bucket, name] = now
