"""One worker's ownership of one job: the lease and every write to the record.

One thread owns all record writes; downloads and uploads run beside it, so that a large model never
delays a beat. An owner that cannot renew for three quarters of its lease stops by itself.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jobs.errors import LeaseLost, ModelmailError, Transient, UserError
from jobs.job import Progress
from jobs.queue import Dismissal, Queue
from jobs.records import Record
from vm_worker.attempt import ENDED
from vm_worker.ledger import Ledger
from vm_worker.spec import Spec

BEAT_SHARE = 0.25  # of the lease between two beats
BEAT_SPREAD = 0.2  # so that workers do not beat in step
STOP_SHARE = 0.75  # of the lease without a renewal: stop before another may take over
WRITE_GAP = 1.1  # seconds; the service takes one write a second to one name
PROGRESS_GAP = 2.0  # seconds between two writes that only carry progress
PULSE = 0.1  # seconds between two looks at the clock

T = TypeVar("T")

log = logging.getLogger(__name__)

PREEMPTED = Dismissal("preemptions", "worker_lost", "the machine was taken back")
CRASHED = Dismissal("crashes", "crashed", "the attempt's process died")


class Preempted(ModelmailError):
    """The machine is going away."""


class Child(Protocol):
    """What an attempt's process looks like from here."""

    def next_event(self, timeout: float) -> Mapping[str, Any] | None:
        """An event, `ENDED`, or None after `timeout` seconds."""
        ...

    def answer(self, message: Mapping[str, Any]) -> None:
        """Tell the child that a stage or a trial is committed."""
        ...

    def stop(self) -> int:
        """Kill; returns the exit status."""
        ...

    def wait(self) -> int:
        """The exit status of a child that has ended."""
        ...


Launch = Callable[[Spec, Path], Child]


@dataclass(frozen=True)
class Terms:
    """What holds for every tenure of a worker."""

    queue: Queue
    launch: Launch
    lease_seconds: float
    weights: str = ""
    download_weights: bool = False
    public_url: str = ""
    stopping: Callable[[], bool] = field(default=lambda: False)


class Tenure:
    """Runs one claimed job to its outcome, or lets it go."""

    def __init__(self, terms: Terms, record: Record, home: Path) -> None:
        self._terms = terms
        self._queue = terms.queue
        self._record = record
        self._home = home
        self._clock = terms.queue.clock
        self._renewed = self._clock.monotonic()
        self._written = self._renewed
        self._next_beat = self._renewed + self._beat_wait()
        self._progress = record.job.progress
        self._ledger = Ledger(self._queue, record.job, home / "artifacts")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="transfer")

    def run(self) -> None:
        """Ends with an outcome or with the job let go. Raises LeaseLost and Preempted, after the child has ended."""
        child: Child | None = None
        try:
            spec = self._await(self._pool.submit(self._prepare))
            child = self._terms.launch(spec, self._home)
            self._follow(child)
        except Preempted:
            self._stop(child)
            child = None
            self._record = self._queue.let_go(self._record, PREEMPTED)
            raise
        except Transient as error:
            log.warning("job %s: %s", self._record.job.short_id, error)
            self._stop(child)
            child = None
            self._record = self._queue.let_go(self._record, CRASHED)
        except LeaseLost:
            raise
        except Exception:  # whatever a job does to us, the worker goes on to the next
            log.exception("job %s failed", self._record.job.short_id)
            self._stop(child)
            child = None
            self._record = self._queue.fail(self._record, "internal", "The training stopped with an error of ours.")
        finally:
            self._stop(child)
            self._pool.shutdown(cancel_futures=True)

    @staticmethod
    def _stop(child: Child | None) -> None:
        if child is not None:
            child.stop()

    def _prepare(self) -> Spec:
        """The dataset and the files of committed stages, fetched; the spec of what is left."""
        job = self._record.job
        dataset = self._home / "dataset.zip"
        self._ledger.fetch_dataset(dataset)
        self._ledger.adopt_all()
        return Spec(
            job=job.short_id,
            dataset=dataset,
            folder=self._ledger.folder,
            options=job.options,
            limits=self._queue.limits,
            seconds=max(0.0, job.options.minutes * 60.0 - self._ledger.seconds),
            created_at=job.created_at.isoformat(timespec="seconds"),
            started_at=job.started_at.isoformat(timespec="seconds") if job.started_at else "",
            weights=self._terms.weights,
            download_weights=self._terms.download_weights,
            files_url=f"{self._terms.public_url}/jobs/{job.id}/files" if self._terms.public_url else "",
            done=self._ledger.stages,
            trials=self._ledger.trials,
        )

    def _follow(self, child: Child) -> None:
        for event in self._events(child):
            kind = event.get("event")
            if kind == "progress":
                self._progress = _progress(event)
            elif kind in ("stage", "trial"):
                child.answer(self._await(self._pool.submit(self._ledger.commit, event)))
            elif kind == "rejected":
                error = UserError(event["code"], event["message"], file=event["file"])
                self._record = self._queue.reject(self._record, error)
                return
            elif kind == "failed":
                log.error("job %s failed: %s", self._record.job.short_id, event["message"])
                self._record = self._queue.fail(self._record, "internal", "The training stopped with an error of ours.")
                return
        self._end(child.wait())

    def _end(self, status: int) -> None:
        if status != 0 or not self._ledger.complete:
            log.error("job %s: the attempt's process ended with status %s", self._record.job.short_id, status)
            self._record = self._queue.let_go(self._record, CRASHED)
            return
        self._record = self._queue.finish(self._record, self._ledger.public_files())
        self._queue.remove_models(self._record.job.id, keep=self._ledger.kept())

    def _events(self, child: Child) -> Iterator[Mapping[str, Any]]:
        while (event := child.next_event(PULSE)) != ENDED:
            self._pulse()
            if event is not None:
                yield event

    def _await(self, future: Future[T]) -> T:
        while True:
            self._pulse()
            try:
                return future.result(timeout=PULSE)
            except NotYet:
                if future.done():
                    raise  # the work itself timed out

    # The lease.

    def _pulse(self) -> None:
        """Beat when it is time. Raises Preempted, LeaseLost."""
        if self._terms.stopping():
            raise Preempted("the worker was told to stop")
        now = self._clock.monotonic()
        if now - self._renewed > STOP_SHARE * self._terms.lease_seconds:
            raise LeaseLost(f"job {self._record.job.short_id}: the lease could not be renewed in time")
        changed = self._progress != self._record.job.progress
        if now >= self._next_beat or (changed and now - self._written > PROGRESS_GAP):
            self._beat(now)

    def _beat(self, now: float) -> None:
        self._written = now
        try:
            self._record = self._queue.beat(self._record, self._progress)
        except Transient as error:
            log.warning("job %s: no beat: %s", self._record.job.short_id, error)
            self._next_beat = now + WRITE_GAP
        else:
            # From before the write: what counts is when the storage can have seen it at the earliest.
            self._renewed = now
            self._next_beat = now + self._beat_wait()

    def _beat_wait(self) -> float:
        spread = random.uniform(1 - BEAT_SPREAD, 1 + BEAT_SPREAD)  # noqa: S311 (no secret)
        return BEAT_SHARE * self._terms.lease_seconds * spread


def _progress(event: Mapping[str, Any]) -> Progress:
    return Progress(
        stage=event["stage"],
        fraction=event["fraction"],
        message=event["message"],
        quoted_seconds=event.get("quoted_seconds"),
        remaining_seconds=event.get("remaining_seconds"),
        candidates=tuple(event.get("candidates", ())),
        curve=tuple(event.get("curve", ())),
    )
