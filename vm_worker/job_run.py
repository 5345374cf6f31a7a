"""A job run, which is one worker's work on one job: it holds the lease and makes every write to the record.

One thread makes all writes to the record. Downloads and uploads run in another thread, so that a large model never
delays a renewal of the lease. A worker that cannot renew for three quarters of the lease stops by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from jobs.errors import LeaseLost, ModelmailError, Transient, UserError
from jobs.job import Job, Progress, Stage
from jobs.queue import Release
from jobs.records import Record
from jobs.shown import CandidateShown, PointShown
from jobs.telemetry import STAGE_SECONDS, TRIALS
from vm_worker import bases
from vm_worker.events import Answer, Ended, Event, Failed, ProgressEvent, Rejected, StageOffer, TrialOffer
from vm_worker.lease_keeper import LeaseKeeper
from vm_worker.manifests import Manifests
from vm_worker.results.earlier import BASE_FILES, EarlierModel
from vm_worker.spec import Spec
from vm_worker.worker_config import Child, WorkerConfig

PULSE = 0.1  # seconds between two checks of everything that may end the attempt

T = TypeVar("T")

log = logging.getLogger(__name__)

PREEMPTED = Release("preemptions", "worker_lost", "the machine was taken back")
CRASHED = Release("crashes", "crashed", "the attempt's process died")
OUR_ERROR = "The training stopped with an error of ours."


class Preempted(ModelmailError):
    """The error that the machine will be taken away."""


class Overdue(ModelmailError):
    """The error that the job's deadline has passed while it ran."""


# Lack of storage, disk, processes or memory: the job is not at fault, and a later try or another machine may succeed.
LACKS = (Transient, OSError, MemoryError)


class JobRun:
    """A run of one claimed job, until its outcome or until the job goes back to the queue."""

    def __init__(self, config: WorkerConfig, record: Record, home: Path, claimed_at: float) -> None:
        """Keep the claimed record; `claimed_at` is the monotonic time in seconds just before the claim was written."""
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
        """Run the job until its outcome, or until it goes back to the queue.

        Raises LeaseLost and Preempted, after the child has ended. Raises Transient when the storage does not
        answer even the write of the result.
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
        except Exception:  # any error of one job must not stop the worker, which goes on to the next job
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
        """Start the child and handle its events. The child has ended when this method returns or raises."""
        spec = self._await(self._transfers.submit(self._prepare))
        child = self._config.launch(spec, self._home)
        try:
            with self._lease.guarding(child.stop):
                self._follow(child)
        finally:
            child.stop()

    def _prepare(self) -> Spec:
        """Fetch the dataset and the files of committed stages; return the spec of the remaining work."""
        job = self._job
        dataset = self._home / "dataset.zip"
        self._manifests.folder.mkdir(parents=True, exist_ok=True)
        self._manifests.fetch_dataset(dataset)
        self._manifests.adopt_all()
        earlier = bases.fetch(self._queue, job, self._manifests, self._home / "base")
        return Spec(
            job=job.short_id,
            dataset=dataset,
            folder=self._manifests.folder,
            options=replace(job.options, base=tuple(base[:8] for base in job.options.base)),  # no more of them is told
            limits=self._queue.limits,
            seconds=self._seconds_left(),
            created_at=job.created_at.isoformat(timespec="seconds"),
            started_at=job.started_at.isoformat(timespec="seconds") if job.started_at else "",
            weights=self._config.weights,
            download_weights=self._config.download_weights,
            done=self._manifests.stages,
            trials=self._manifests.trials,
            hourly_price=self._config.hourly_price,
            cluster=self._config.cluster,
            bases=earlier,
        )

    def _seconds_left(self) -> float:
        """Return the seconds left of the budget, after committed work and the time since the claim."""
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
        answer = self._await(self._transfers.submit(self._committed, offer))
        child.answer(answer)
        if answer.go is not None:  # an adopted result was counted by the attempt that made it
            self._count(offer)

    def _committed(self, offer: StageOffer | TrialOffer) -> Answer:
        answer = self._manifests.commit(offer)
        # After intake, what follows learns from the earlier model; after export, what follows only tells of it.
        if isinstance(offer, StageOffer) and offer.stage in (Stage.INTAKE, Stage.EXPORT):
            bases.drop_if_gone(self._queue, self._job, self._manifests, self._home / "base")
        return answer

    def _count(self, offer: StageOffer | TrialOffer) -> None:
        if isinstance(offer, TrialOffer):
            self._config.telemetry.count(TRIALS)
        else:
            self._config.telemetry.took(STAGE_SECONDS, offer.seconds, stage=str(offer.stage))

    def _end(self, status: int) -> None:
        if status != 0 or not self._manifests.complete:
            self._lease.check()  # the guard may have ended the child because the lease is lost
            log.error("job %s: the attempt's process ended with status %s", self._job.short_id, status)
            self._write(lambda record: self._queue.let_go(record, CRASHED))
            return
        kept = self._await(self._transfers.submit(self._kept_for_later))
        files = self._await(self._transfers.submit(self._manifests.delivered))
        self._write(lambda record: self._queue.finish(record, files, kept.task, kept.sha256))

    def _kept_for_later(self) -> bases.Kept:
        """Write the manifest by which later jobs continue, where the model allows it."""
        given = self._manifests.result(Stage.EVALUATE).get("continuing")
        if not isinstance(given, Mapping):
            return bases.Kept()
        files = self._manifests.files(BASE_FILES)
        if self._job.options.keep_photos:
            files |= self._manifests.photos(self._job.options.classes)
        return bases.keep(self._manifests, self._job, EarlierModel.from_json(given), files)

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
                # The result just arrived, or the work itself raised a timeout error, which `result()` raises again.
                if future.done():
                    return future.result()

    def _pulse(self) -> None:
        """Check everything that may end the attempt from outside. Raises Preempted, LeaseLost, Overdue, Transient."""
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
    """Return the progress that the status page shows, from an event of the child."""
    return Progress(
        stage=event.stage,
        fraction=event.fraction,
        message=event.message,
        quoted_seconds=event.quoted_seconds,
        remaining_seconds=event.remaining_seconds,
        candidates=tuple(CandidateShown.from_json(row) for row in event.candidates or ()),
        curve=tuple(PointShown.from_json(point) for point in event.curve or ()),
    )
