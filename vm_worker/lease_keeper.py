"""Keeping the lease of one job: when to beat, when to stop, and a guard for the time in which a request hangs.

One thread owns all writes to the record, and a write can hang for a minute. The child must not: it is
ended by the guard, so that an owner that cannot renew has stopped before another may take over.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jobs.errors import LeaseLost, Transient
from jobs.job import Progress
from jobs.queue import Queue
from jobs.records import Record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeasePolicy:
    """How long a lease is, and how it is kept."""

    seconds: float  # without a write of its owner, after which another worker takes the job over
    beat_share: float = 0.25  # of the lease between two beats: three may fail
    beat_spread: float = 0.2  # so that workers do not beat in step
    stop_share: float = 0.75  # of the lease without a renewal: stop before another may take over
    write_gap: float = 1.1  # seconds; the service takes one write a second to one name
    progress_gap: float = 2.0  # seconds between two writes that only carry progress
    guard_pause: float = 0.2  # seconds between two looks of the guard

    @property
    def stop_seconds(self) -> float:
        """Seconds since the last renewal after which the owner stops."""
        return self.stop_share * self.seconds

    def beat_seconds(self) -> float:
        """Seconds from one beat to the next, drawn by chance."""
        spread = random.uniform(1 - self.beat_spread, 1 + self.beat_spread)  # noqa: S311 (no secret)
        return self.beat_share * self.seconds * spread


class LeaseKeeper:
    """One lease, from the claim on. `record` is the newest that its owner has written."""

    def __init__(self, queue: Queue, record: Record, policy: LeasePolicy, since: float) -> None:
        """`since` (monotonic seconds) is from before the claim's write: its answer may have been long on its way."""
        self.record = record
        self._queue = queue
        self._clock = queue.clock
        self._policy = policy
        self._renewed = since
        self._given_up = False  # the child is ended: a renewal that comes through after all changes nothing
        self._written = self._renewed
        self._next_beat = self._renewed + policy.beat_seconds()

    def check(self) -> None:
        """Raises LeaseLost when the lease has not been renewed for so long that it may soon be another's."""
        if self._given_up or self._lost():
            raise LeaseLost(f"job {self.record.job.short_id}: the lease could not be renewed in time")

    def pulse(self, progress: Progress) -> None:
        """Beat when it is time. Raises LeaseLost."""
        self.check()
        now = self._clock.monotonic()
        changed = progress != self.record.job.progress
        if now >= self._next_beat or (changed and now - self._written > self._policy.progress_gap):
            self._beat(now, progress)

    @contextmanager
    def guarding(self, end: Callable[[], object]) -> Iterator[None]:
        """Call `end`, once, as soon as the lease is lost, whatever this thread is waiting for."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(self._policy.guard_pause):
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
        return self._clock.monotonic() - self._renewed > self._policy.stop_seconds

    def _beat(self, now: float, progress: Progress) -> None:
        self._written = now
        try:
            self.record = self._queue.beat(self.record, progress)
        except Transient as error:
            log.warning("job %s: no beat: %s", self.record.job.short_id, error)
            wait = min(self._policy.write_gap, self._policy.beat_seconds())
            self._next_beat = self._clock.monotonic() + wait
        else:
            # From before the write: what counts is when the storage can have seen it at the earliest.
            self._renewed = now
            self._next_beat = now + self._policy.beat_seconds()
