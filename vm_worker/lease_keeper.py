"""Keeping a lease: when to beat, when to stop, and a guard for the time in which a request hangs.

One thread owns all writes to the record, and a write can hang for a minute. The child must not: it is
ended by the guard, so that an owner that cannot renew has stopped before another may take over.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jobs.errors import LeaseLost, Transient
from jobs.job import Progress
from jobs.queue import Queue
from jobs.records import Record

BEAT_SHARE = 0.25  # of the lease between two beats
BEAT_SPREAD = 0.2  # so that workers do not beat in step
STOP_SHARE = 0.75  # of the lease without a renewal: stop before another may take over
WRITE_GAP = 1.1  # seconds; the service takes one write a second to one name
PROGRESS_GAP = 2.0  # seconds between two writes that only carry progress
LOOK = 0.2  # seconds between two looks of the guard

log = logging.getLogger(__name__)


class LeaseKeeper:
    """One lease, from the claim on. `record` is the newest that its owner has written.

    `since` (monotonic seconds) is from before the claim's write: its answer may have been long on its way.
    """

    def __init__(self, queue: Queue, record: Record, lease_seconds: float, since: float) -> None:
        self.record = record
        self._queue = queue
        self._clock = queue.clock
        self._seconds = lease_seconds
        self._renewed = since
        self._given_up = False  # the child is ended: a renewal that comes through after all changes nothing
        self._written = self._renewed
        self._next_beat = self._renewed + self._wait()

    def check(self) -> None:
        """Raises LeaseLost when the lease has not been renewed for so long that it may soon be another's."""
        if self._given_up or self._lost():
            raise LeaseLost(f"job {self.record.job.short_id}: the lease could not be renewed in time")

    def pulse(self, progress: Progress) -> None:
        """Beat when it is time. Raises LeaseLost."""
        self.check()
        now = self._clock.monotonic()
        changed = progress != self.record.job.progress
        if now >= self._next_beat or (changed and now - self._written > PROGRESS_GAP):
            self._beat(now, progress)

    @contextmanager
    def guarding(self, end: Callable[[], object]) -> Iterator[None]:
        """Call `end`, once, as soon as the lease is lost, whatever this thread is waiting for."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK):
                if self._lost():
                    self._given_up = True
                    log.warning("job %s: the lease is lost; its attempt ends", self.record.job.short_id)
                    end()
                    return

        guard = threading.Thread(target=watch, name="lease-guard", daemon=True)
        guard.start()
        try:
            yield
        finally:
            over.set()
            guard.join()

    def _lost(self) -> bool:
        return self._clock.monotonic() - self._renewed > STOP_SHARE * self._seconds

    def _beat(self, now: float, progress: Progress) -> None:
        self._written = now
        try:
            self.record = self._queue.beat(self.record, progress)
        except Transient as error:
            log.warning("job %s: no beat: %s", self.record.job.short_id, error)
            self._next_beat = self._clock.monotonic() + min(WRITE_GAP, self._wait())
        else:
            # From before the write: what counts is when the storage can have seen it at the earliest.
            self._renewed = now
            self._next_beat = now + self._wait()

    def _wait(self) -> float:
        spread = random.uniform(1 - BEAT_SPREAD, 1 + BEAT_SPREAD)  # noqa: S311 (no secret)
        return BEAT_SHARE * self._seconds * spread
