"""Threads that run one at a time, and clocks that disagree: what the model test's workers live in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from jobs.clock import FakeClock

ANSWER_SECONDS = 60.0  # of real time; a worker that does not come back by then is a bug of the test


class Killed(BaseException):
    """SIGKILL: no handler of the program may run on."""


class Baton:
    """Lets one worker's thread run for some steps at a time."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self.alive = True
        self.killed = False
        self._tick = tick
        self._left = 0
        self._go = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def start(self, main: Callable[[], None]) -> None:
        """The thread, not yet running."""

        def run() -> None:
            self._go.acquire()
            with suppress(Killed):
                self._check()
                main()
            self.alive = False
            self._back.release()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def run(self, steps: int) -> None:
        """Let it go on for so many steps, or to its end."""
        if self.alive:
            self._left = steps
            self._go.release()
            assert self._back.acquire(timeout=ANSWER_SECONDS), "a worker waits for something that is no step"

    def kill(self) -> None:
        """End it where it stands."""
        self.killed = True
        self.run(1)
        assert self._thread is not None
        self._thread.join()

    def mine(self) -> bool:
        """Whether this is the thread."""
        return threading.current_thread() is self._thread

    def step(self) -> None:
        """A place at which the thread may be frozen or killed."""
        self._check()
        self._tick()
        self._left -= 1
        if self._left <= 0:
            self._back.release()
            self._go.acquire()
            self._check()

    def _check(self) -> None:
        if self.killed:
            raise Killed


class SkewedClock:
    """True time as one machine shows it: the wall clock is off, the monotonic one began when it was switched on."""

    def __init__(self, true: FakeClock, offset: float, pause: Callable[[], None]) -> None:
        self._true = true
        self._offset = timedelta(seconds=offset)
        self._since = true.monotonic()
        self._pause = pause

    def now(self) -> datetime:
        return self._true.now() + self._offset

    def monotonic(self) -> float:
        return self._true.monotonic() - self._since

    def sleep(self, seconds: float) -> None:
        self._true.advance(seconds)
        self._pause()
