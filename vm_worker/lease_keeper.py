"""The lease of one job: when to renew it, when to stop work, and a guard that acts while a request hangs.

One thread makes all writes to the record, and a write can hang for a minute. The guard is a second thread: it ends the
child, so that an owner that cannot renew has stopped before another worker may take the job over. A beat is a write
that renews the lease.
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
    """The length of a lease, and the intervals at which it is renewed and checked."""

    seconds: float  # without a write of its owner for so long, another worker takes the job over
    beat_share: float = 0.25  # the time between two beats as a share of the lease: three beats may fail
    beat_spread: float = 0.2  # the random part of that time, so that workers do not beat all at once
    # The share of the lease without a renewal after which the owner stops, before another worker may take over.
    stop_share: float = 0.75
    write_gap: float = 1.1  # seconds between two writes; the service takes one write a second to one object
    progress_gap: float = 2.0  # seconds between two writes that only carry progress
    guard_pause: float = 0.2  # seconds between two checks of the guard

    @property
    def stop_seconds(self) -> float:
        """The seconds since the last renewal after which the owner stops."""
        return self.stop_share * self.seconds

    def beat_seconds(self) -> float:
        """Return the seconds from one beat to the next, drawn at random."""
        spread = random.uniform(1 - self.beat_spread, 1 + self.beat_spread)  # noqa: S311 (no secret)
        return self.beat_share * self.seconds * spread


class LeaseKeeper:
    """The lease of one job from its claim on. `record` is the newest record that the owner has written."""

    def __init__(self, queue: Queue, record: Record, policy: LeasePolicy, since: float) -> None:
        """Keep the claimed record; `since` is the monotonic time in seconds before the claim was written.

        It is not the time of the answer, which may have come much later.
        """
        self.record = record
        self._queue = queue
        self._clock = queue.clock
        self._policy = policy
        self._renewed = since
        self._given_up = False  # the child is ended: a renewal that succeeds later changes nothing
        self._written = self._renewed
        self._next_beat = self._renewed + policy.beat_seconds()

    def check(self) -> None:
        """Raise LeaseLost when the lease was not renewed for so long that another worker may soon take it."""
        if self._given_up or self._lost():
            raise LeaseLost(f"job {self.record.job.short_id}: the lease could not be renewed in time")

    def pulse(self, progress: Progress) -> None:
        """Write the record when a beat is due, or when the progress has changed. Raises LeaseLost."""
        self.check()
        now = self._clock.monotonic()
        changed = progress != self.record.job.progress
        if now >= self._next_beat or (changed and now - self._written > self._policy.progress_gap):
            self._beat(now, progress)

    @contextmanager
    def guarding(self, end: Callable[[], object]) -> Iterator[None]:
        """Call `end`, once, as soon as the lease is lost, even while this thread waits for a request."""
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
            # The time before the write: another worker may count from the first moment the storage can have seen it.
            self._renewed = now
            self._next_beat = now + self._policy.beat_seconds()
