"""A clock for a training: the wall's time and the processor's, which can be stopped and set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Runs from its making on."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def seconds(self) -> float:
        """Return the seconds of the wall clock."""
        return time.perf_counter() - self._wall

    def processor_seconds(self) -> float:
        """Return the seconds of the processor, all threads of this process together."""
        return time.process_time() - self._processor

    def set(self, seconds: float, processor_seconds: float) -> None:
        """Go on from these times."""
        self._wall, self._processor = time.perf_counter() - seconds, time.process_time() - processor_seconds

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave out the time of the block."""
        seconds, busy = self.seconds(), self.processor_seconds()
        yield
        self.set(seconds, busy)
