"""A job run, which is one worker's work on one job: the lease and every write to the record.

One thread owns all record writes; downloads and uploads run beside it, so that a large model never
delays a beat. An owner that cannot renew for three quarters of its lease stops by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from jobs.errors import LeaseLost, ModelmailError, Transient, UserError
from jobs.job import Job, Progress
from jobs.queue import Release
from jobs.records import Record
from jobs.shown import CandidateShown, PointShown
from jobs.telemetry import STAGE_SECONDS, TRIALS
from vm_worker.events import Ended, Event, Failed, ProgressEvent, Rejected, StageOffer, TrialOffer
from vm_worker.lease_keeper import LeaseKeeper
from vm_worker.manifests import Manifests
from vm_worker.spec import Spec
from vm_worker.worker_config import Child, WorkerConfig

PULSE = 0.1  # seconds between two looks at the clock

T = TypeVar("T")

log = logging.getLogger(__name__)

PREEMPTED = Release("preemptions", "worker_lost", "the machine was taken back")
CRASHED = Release("crashes", "crashed", "the attempt's process died")
OUR_ERROR = "The training stopped with an error of ours."


class Preempted(ModelmailError):
    """The machine is going away."""


class Overdue(ModelmailError):
    """The job's deadline has passed while it ran."""


# Storage, disk, processes, memory: what another time or another machine may have, and no job's fault.
LACKS = (Transient, OSError, MemoryError)


class JobRun:
    """Runs one claimed job to its outcome, or lets it go."""

    def __init__(self, config: WorkerConfig, record: Record, home: Path, claimed_at: float) -> None:
        """`claimed_at`: monotonic seconds of the moment before the claim was written."""
        self._config = config
        self._queue = config.queue
        self._clock = config.queue.clock
        self._home = home
        self._began = self._clock.monotonic()
        self._lease = LeaseKeeper(self._queue, record, config.lease, claimed_at)
        self._progress = record.job.progress
        self._manifests = Manifests(self._queue, record.job, home / "artifacts", self._lease.check)
        self._transfers = config.transfers()

    def run(self) -> None:
        """Ends with an outcome or with the job let go. Raises LeaseLost and Preempted, after the child has ended.

        Raises Transient when the storage does not even take the news.
        """
        try:
            self._attempt()
        except Preempted:
            self._write(lambda record: self._queue.let_go(record, PREEMPTED))
            raise
        except LeaseLost:
            raise
        except Overdue as error:
            log.error("job %s: %s", self._job.short_id, error)
            self._write(self._queue.fail_overdue)
        except LACKS as error:
            log.warning("job %s: %s: %s", self._job.short_id, type(error).__name__, error)
            self._write(lambda record: self._queue.let_go(record, CRASHED))
        except Exception:  # whatever a job does to us, the worker goes on to the next
            log.exception("job %s failed", self._job.short_id)
            self._write(lambda record: self._queue.fail(record, "internal", OUR_ERROR))
        finally:
            self._transfers.shutdown(cancel_futures=True)

    @property
    def _job(self) -> Job:
        return self._lease.record.job

    def _write(self, change: Callable[[Record], Record]) -> None:
        self._lease.record = change(self._lease.record)

    def _attempt(self) -> None:
        """Start the child and follow it. It has ended when this returns or raises."""
        spec = self._await(self._transfers.submit(self._prepare))
        child = self._config.launch(spec, self._home)
        try:
            with self._lease.guarding(child.stop):
                self._follow(child)
        finally:
            child.stop()

    def _prepare(self) -> Spec:
        """Fetch the dataset and the files of committed stages; the spec of what is left to do."""
        job = self._job
        dataset = self._home / "dataset.zip"
        self._manifests.folder.mkdir(parents=True, exist_ok=True)
        self._manifests.fetch_dataset(dataset)
        self._manifests.adopt_all()
        return Spec(
            job=job.short_id,
            dataset=dataset,
            folder=self._manifests.folder,
            options=job.options,
            limits=self._queue.limits,
            seconds=self._seconds_left(),
            created_at=job.created_at.isoformat(timespec="seconds"),
            started_at=job.started_at.isoformat(timespec="seconds") if job.started_at else "",
            weights=self._config.weights,
            download_weights=self._config.download_weights,
            files_url=f"{self._config.public_url}/jobs/{job.id}/files" if self._config.public_url else "",
            done=self._manifests.stages,
            trials=self._manifests.trials,
            hourly_price=self._config.hourly_price,
            cluster=self._config.cluster,
        )

    def _seconds_left(self) -> float:
        """What the user's budget still holds: committed work is paid, and so is the time since the claim."""
        paid = self._manifests.seconds + self._clock.monotonic() - self._began
        return max(0.0, self._job.options.minutes * 60.0 - paid)

    def _follow(self, child: Child) -> None:
        """Act on the child's events until it has ended, or until an event is the job's outcome."""
        for event in self._events(child):
            match event:
                case ProgressEvent():
                    self._progress = _progress(event)
                case StageOffer() | TrialOffer():
                    self._commit(child, event)
                case Rejected(code, message, file):
                    error = UserError(code, message, file=file)
                    self._write(lambda record, error=error: self._queue.reject(record, error))  # type: ignore[misc]
                    return
                case Failed(message):
                    log.error("job %s failed: %s", self._job.short_id, message)
                    self._write(lambda record: self._queue.fail(record, "internal", OUR_ERROR))
                    return
        self._end(child.wait())

    def _commit(self, child: Child, offer: StageOffer | TrialOffer) -> None:
        answer = self._await(self._transfers.submit(self._manifests.commit, offer))
        child.answer(answer)
        if answer.go is not None:  # what is adopted was counted by the attempt that made it
            self._count(offer)

    def _count(self, offer: StageOffer | TrialOffer) -> None:
        if isinstance(offer, TrialOffer):
            self._config.telemetry.count(TRIALS)
        else:
            self._config.telemetry.took(STAGE_SECONDS, offer.seconds, stage=str(offer.stage))

    def _end(self, status: int) -> None:
        if status != 0 or not self._manifests.complete:
            self._lease.check()  # its end may be the guard's work
            log.error("job %s: the attempt's process ended with status %s", self._job.short_id, status)
            self._write(lambda record: self._queue.let_go(record, CRASHED))
            return
        self._write(lambda record: self._queue.finish(record, self._manifests.public_files()))

    def _events(self, child: Child) -> Iterator[Event]:
        while not isinstance(event := child.next_event(PULSE), Ended):
            self._pulse()
            if event is not None:
                yield event

    def _await(self, future: Future[T]) -> T:
        while True:
            self._pulse()
            try:
                return future.result(timeout=PULSE)
            except NotYet:
                if future.done():  # just now; or the work itself timed out, and its result is that error
                    return future.result()

    def _pulse(self) -> None:
        """Look at everything that may end the attempt from outside. Raises Preempted, LeaseLost, Overdue, Transient."""
        if self._config.stopping():
            raise Preempted("the worker was told to stop")
        limits = self._queue.limits
        if self._queue.past_deadline(self._job):
            raise Overdue(f"it did not end within {limits.deadline_hours} hours")
        hangs = timedelta(minutes=self._job.options.minutes + limits.intake_minutes + limits.attempt_slack_minutes)
        if self._clock.monotonic() - self._began > hangs.total_seconds():
            raise Transient("the attempt hangs")
        self._lease.pulse(self._progress)


def _progress(event: ProgressEvent) -> Progress:
    """What the status page shows of a child's progress."""
    return Progress(
        stage=event.stage,
        fraction=event.fraction,
        message=event.message,
        quoted_seconds=event.quoted_seconds,
        remaining_seconds=event.remaining_seconds,
        candidates=tuple(CandidateShown.from_json(row) for row in event.candidates or ()),
        curve=tuple(PointShown.from_json(point) for point in event.curve or ()),
    )
