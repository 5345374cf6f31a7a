"""The worker: it polls for a job that it may claim, runs it, and cleans up the buckets from time to time."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs import catalogue, outcomes
from jobs.errors import LeaseLost, Transient
from jobs.job import Job, Status
from jobs.mail.postman import Postman
from jobs.queue import Waiting
from jobs.records import Record
from jobs.retries import CRASH
from jobs.sweep import retire, sweep
from vm_worker.job_run import JobRun, Preempted
from vm_worker.worker_config import WorkerConfig

RETIRE_SECONDS = 3600.0  # seconds between two deletions of models whose retention has ended
LONGEST_WAIT = CRASH.most * (1 + CRASH.jitter)  # the longest wait in seconds that a job is given after a crash
REST_PAUSE = 0.2  # seconds between two checks whether to stop
LOG_LINES = 30  # last lines of an attempt's log that are copied into the worker's log

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sighting:
    """The first time, on this worker's own clock, at which it saw a record at this generation."""

    generation: int
    since: float  # monotonic seconds of that time


class Worker:
    """A worker. Any number of workers may run on the same buckets."""

    def __init__(self, config: WorkerConfig, postman: Postman, name: str, work: Path) -> None:
        self._config = config
        self._queue = config.queue
        self._clock = config.queue.clock
        self._postman = postman
        self._name = name
        self._work = work
        self._sightings: dict[str, Sighting] = {}
        self._swept: float | None = None
        self._retired: float | None = None

    def step(self) -> bool:
        """Clean up the buckets, if it is time, and run one job if one is waiting. Return True when a job was run.

        Raises Transient when the storage does not answer, Preempted when the worker must stop.
        """
        self._sweep()
        for waiting in self._claimable():
            claimed_at = self._clock.monotonic()
            record = self._queue.claim(waiting, self._name)
            if record is not None:
                self._run(record, claimed_at)
                return True
        return False

    def _claimable(self) -> Iterator[Waiting]:
        """Yield the jobs that may be claimed, oldest upload first.

        A job waits while an older job of the same mail address runs. Records are read one by one, only as far as the
        caller asks: a long queue does not slow a step down.
        """
        busy, running = set(), set()
        for one in self._queue.waiting():
            job = one.record.job
            if self._queue.past_deadline(job, one.dataset):
                if self._queue.overdue(one.record) is not None:
                    self._postman.try_to_deliver(job.id)
                continue
            if job.status is Status.RUNNING:
                running.add(job.id)
            if job.status is Status.RUNNING and not self._dead(one.record):
                busy.add(job.email_hmac)
            elif self._due(job) and job.email_hmac not in busy:
                yield one
                busy.add(job.email_hmac)  # another worker has claimed the job first, and runs it
        self._sightings = {job_id: self._sightings[job_id] for job_id in running & self._sightings.keys()}

    def _due(self, job: Job) -> bool:
        """Return whether the job's waiting time is over. A time beyond the longest possible wait counts as over.

        Such a time can only come from a wrong clock.
        """
        if job.retry_at is None:
            return True
        wait = (job.retry_at - self._clock.now()).total_seconds()
        return wait <= 0 or wait > LONGEST_WAIT

    def _dead(self, record: Record) -> bool:
        """Return whether the record has not changed for a whole lease, by this worker's monotonic clock."""
        before = self._sightings.get(record.job.id)
        if before is None or before.generation != record.generation:
            self._sightings[record.job.id] = Sighting(record.generation, self._clock.monotonic())
            return False
        return self._clock.monotonic() - before.since > self._config.lease.seconds

    def _run(self, record: Record, claimed_at: float) -> None:
        job = record.job
        home = self._work / f"{job.short_id}-{job.lease.token if job.lease else 0}"
        log.info("job %s: claimed", job.short_id)
        mailing = self._config.transfers()  # a mail server that is slow must not delay a renewal of the lease
        try:
            if outcomes.STARTED in job.mails:
                mailing.submit(self._postman.try_to_deliver, job.id)
            JobRun(self._config, record, home, claimed_at).run()
        except LeaseLost as error:
            log.warning("%s", error)
        finally:
            mailing.shutdown(cancel_futures=True)
            self._keep_log(home, job.short_id)
            shutil.rmtree(home, ignore_errors=True)
        self._settle(job.id)

    def _settle(self, job_id: str) -> None:
        """Send the mail of an outcome, whichever process wrote it, and delete the uploads of a job that was lost."""
        after = self._queue.read(job_id)
        if after is None:
            return
        log.info("job %s: %s", after.job.short_id, after.job.status)
        if after.job.status.terminal:
            self._postman.try_to_deliver(job_id)

    def _keep_log(self, home: Path, short_id: str) -> None:
        """Copy the end of the attempt's log into the worker's log: the attempt's folder is deleted with the job."""
        path = home / "attempt.log"
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            for line in lines:
                log.info("job %s | %s", short_id, line)

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        if self._swept is None or now - self._swept > self._queue.limits.sweep_seconds:
            self._swept = now
            sweep(self._queue, self._postman.try_to_deliver, self._goes_on)
        if self._retired is None or now - self._retired > RETIRE_SECONDS:
            self._tell_stock()
            self._retired = now
            retire(self._queue, self._goes_on)

    def _tell_stock(self) -> None:
        """Write which networks this machine can train, so that users are offered no others."""
        if self._config.stock is not None:
            catalogue.tell(self._queue.buckets.emails, self._config.host, self._config.stock)

    def _goes_on(self) -> bool:
        return not self._config.stopping()

    def forever(self, poll_seconds: float, leave: Callable[[float], bool] = lambda idle: False) -> None:
        """Poll until the worker is told to stop. No error of a job or of the storage ends the loop.

        `leave` is called after each poll without work, with the seconds since the last poll that found some. It returns
        True when the machine will be removed.
        """
        worked = self._clock.monotonic()
        while not self._config.stopping():
            try:
                busy = self.step()
            except Transient as error:
                log.warning("the storage does not answer: %s", error)
                busy = False
            except Preempted:
                return
            except Exception:
                log.exception("an error of ours; polling goes on")
                busy = False
            now = self._clock.monotonic()
            if busy:
                worked = now
            elif leave(now - worked):
                return
            else:
                self._rest(poll_seconds)

    def _rest(self, seconds: float) -> None:
        end = self._clock.monotonic() + seconds
        while not self._config.stopping() and self._clock.monotonic() < end:
            self._clock.sleep(min(REST_PAUSE, seconds))
