"""How crowded the processors are: how much longer work takes here because other programs want them, too.

Linux counts for each thread how long it ran, and how long it waited for its turn though it could have run. A thread
that waited as long as it ran took twice its time. On other systems nothing is known, and no crowd is assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

COUNTS = Path("/proc/thread-self/schedstat")  # nanoseconds that this thread ran, and that it waited
SETTLED = 1.0  # seconds of running after which the counts are believed
MOST = 20.0  # times as long, at most: more would leave no time for anything

Counts = Callable[[], tuple[float, float]]  # seconds that the thread ran, seconds that it waited


def counts() -> tuple[float, float]:
    """Return the seconds that this thread ran, and that it waited for its turn; zeros where they are not known."""
    try:
        ran, waited, _ = COUNTS.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return 0.0, 0.0
    return int(ran) / 1e9, int(waited) / 1e9


def alone_here() -> float:
    """Return the factor of a machine that nothing else runs on."""
    return 1.0


class Crowding:
    """The crowd as one thread has met it since it was last asked. Only that thread may ask."""

    def __init__(self, read: Counts = counts) -> None:
        self._read, self._before, self._factor = read, read(), 1.0

    def factor(self) -> float:
        """Return how many times as long as alone work takes here, 1 at least.

        Where the thread has hardly run since the last answer, that answer is repeated.
        """
        now = self._read()
        ran, waited = (new - old for new, old in zip(now, self._before, strict=True))
        if ran >= SETTLED:
            self._factor, self._before = min(MOST, 1.0 + waited / ran), now
        return self._factor
