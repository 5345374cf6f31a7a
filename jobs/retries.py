"""The waits before another try: rows of numbers, each with its reason."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that grow: `first * factor ** n` seconds, at most `most`, spread by +- `jitter`."""

    first: float  # seconds
    factor: float
    most: float  # seconds
    jitter: float  # random part, as a share of the wait
    because: str

    def wait(self, tries: int) -> float:
        """Return the seconds to wait after this many failed tries (1 = the first)."""
        plain = min(self.most, self.first * self.factor ** min(tries - 1, 30))
        # Randomness without security: it only keeps workers from trying at the same time.
        return plain * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311


RECORD = Backoff(1.1, 1.6, 8.0, 0.2, "the service takes one write a second to one name")
CRASH = Backoff(20.0, 3.0, 300.0, 0.2, "another job may need the memory that ran out")
MAIL = Backoff(30.0, 2.0, 3600.0, 0.2, "a provider that is down comes back within hours")
STORAGE = Backoff(0.5, 2.0, 20.0, 0.3, "storage hiccups last seconds")
