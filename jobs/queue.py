"""The queue of jobs: every change of a job's record in the buckets, each one a compare-and-swap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobs import job as jobs
from jobs import outcomes, quota
from jobs.clock import Clock
from jobs.deadline import past_deadline
from jobs.errors import Transient, UserError
from jobs.job import FileEntry, Job, JobError, Lease, Progress, Status
from jobs.limits import Limits
from jobs.options import Options
from jobs.outcomes import Outcome
from jobs.records import Change, Record, Records, name_of
from jobs.retries import CRASH
from jobs.storage import kept
from jobs.storage.store import Buckets, PreconditionFailed, Stat
from jobs.telemetry import Telemetry, note

OVERDUE = "The job did not end within its deadline."

BROKEN = (AttributeError, KeyError, TypeError, ValueError)  # errors of reading data that is no record

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waiting:
    """An uploaded dataset and the record of its job."""

    record: Record
    dataset: Stat


@dataclass(frozen=True)
class Release:
    """The reason why an owner gives a job back before its end."""

    counter: str  # "preemptions" or "crashes"
    code: str  # the job fails with this code when the counter has reached its limit
    message: str


class Queue:
    """The jobs of one installation."""

    def __init__(self, buckets: Buckets, clock: Clock, limits: Limits, telemetry: Telemetry | None = None) -> None:
        self.buckets = buckets
        self.clock = clock
        self.limits = limits
        self.records = Records(buckets.emails, clock, telemetry)

    # methods for the cloud function

    def submit(self, job_id: str, email: str, email_hmac: str, options: Options, slot: str | None = None) -> Job:
        """Create `open/<id>`, then the record. `slot` is the one that its address has taken. Raises Transient."""
        now = self.clock.now()
        job = Job(job_id, email, email_hmac, now, options, link_expires_at=self._link_end(now), slot=slot)
        self.records.create(f"open/{job_id}", b"")
        self.records.create(name_of(job_id), jobs.to_bytes(job))
        note(self.records.telemetry, None, job)
        return job

    def read(self, job_id: str) -> Record | None:
        """Return the job's record, or None for an unknown id."""
        return self.records.read(job_id)

    def uploaded(self, job_id: str) -> Stat | None:
        """Return the uploaded dataset, or None when there is none."""
        return self.buckets.datasets.stat(f"{job_id}.zip")

    def renew_link(self, job_id: str) -> Job:
        """Note that a fresh upload link was given.

        Raises UserError `not_found`, `already_uploaded`, and `too_many_jobs` when the address has no slot left for a
        job whose slot was given back.
        """
        now = self.clock.now()
        taken: list[str | None] = []  # at most one slot, however often the change is tried

        def renewed(job: Job) -> Job:
            if job.status in (Status.EXPIRED, Status.DELETED):
                raise UserError("not_found", "There is no such job.")
            if job.status is not Status.AWAITING_UPLOAD or self.uploaded(job_id) is not None:
                raise UserError("already_uploaded", "The photos of this job have arrived already.")
            # The next sweep will mark it as expired.
            if now - job.created_at > timedelta(hours=self.limits.upload_wait_hours):
                raise UserError("not_found", "There is no such job.")
            if job.slot == "" and not taken:
                taken.append(self._slot(job))
            slot = taken[0] if job.slot == "" else job.slot
            if slot == "":
                raise UserError("too_many_jobs", "This address has no job left today.")
            return replace(job, link_expires_at=self._link_end(now), slot=slot)

        return self.update(job_id, renewed).job

    def delete(self, job_id: str) -> None:
        """Set `deleted`, then remove dataset, models and the open mark. The next write of a running worker fails.

        The mark is there from the beginning: a sweep finishes what breaks off. The slot of a link that nobody has used
        goes back to its address.
        """
        now, unused = self.clock.now(), self.uploaded(job_id) is None
        freed = ""

        def change(job: Job) -> Job:
            nonlocal freed
            freed = ""
            if job.status is Status.DELETED:
                return job
            if unused and job.status is Status.AWAITING_UPLOAD:
                freed = job.slot or ""
            bare = replace(job, email=None, files={}, mails={}, error=None, progress=Progress(), lease=None)
            return jobs.moved(bare, Status.DELETED, now, "deleted")

        self.records.create(f"open/{job_id}", b"")
        self.update(job_id, change)
        if freed:
            quota.give_back(self.buckets.emails, freed)
        self.buckets.datasets.delete(f"{job_id}.zip")
        self.remove_models(job_id, keep=lambda name: False)
        self.buckets.emails.delete(f"open/{job_id}")

    # methods for workers

    def waiting(self) -> Iterator[Waiting]:
        """Yield every uploaded dataset with its record, oldest upload first.

        A dataset whose job is terminal or unknown is deleted on the way.
        """
        for stat in sorted(self.buckets.datasets.list(), key=lambda stat: (stat.created, stat.name)):
            try:
                record = self.read(stat.name.removesuffix(".zip"))
            except BROKEN:  # a broken record must not stop the other jobs
                log.exception("the record of job %s cannot be read", stat.name[:8])
                continue
            if record is None or record.job.status.terminal:
                self.buckets.datasets.delete(stat.name)
            else:
                yield Waiting(record, stat)

    def claim(self, waiting: Waiting, owner: str) -> Record | None:
        """Claim the job; return None when another worker was faster. A claim of a running job counts as a takeover."""
        now = self.clock.now()
        job = waiting.record.job
        slot = self._slot(job)
        if slot == "":
            log.warning("job %s has ended: its photos came late, and its address has no job left today", job.short_id)
            self.expire(waiting.record)
            return None
        takeover = job.status is Status.RUNNING
        if takeover and job.takeovers >= self.limits.takeovers_max:
            self._fail_unowned(waiting.record, "worker_lost", "The training machine was lost too often.")
            return None
        token = (job.lease.token if job.lease else 0) + 1
        changed = jobs.moved(
            job,
            Status.RUNNING,
            now,
            f"{'taken over' if takeover else 'claimed'} by {owner}",
            slot=slot,
            lease=Lease(owner, token),
            takeovers=job.takeovers + takeover,
            started_at=job.started_at or now,
            uploaded_at=job.uploaded_at or waiting.dataset.created,
            mails=outcomes.started(job),
            retry_at=None,
        )
        try:
            return self.records.swap(waiting.record, changed)
        except PreconditionFailed:
            if slot and slot != job.slot:  # it was taken for this claim, which another worker was faster with
                quota.give_back(self.buckets.emails, slot)
            return None
        except Transient:
            return None

    def beat(self, record: Record, progress: Progress) -> Record:
        """Renew the lease and write the progress.

        Raises LeaseLost, and Transient at once, as the owner repeats the call.
        """
        return self.records.owned(record, lambda job: replace(job, progress=progress), patient=False)

    def finish(self, record: Record, files: Mapping[str, FileEntry], task: str = "", base_sha256: str = "") -> Record:
        """End the job as `done`: files and the promise of the report's mail in one write. Raises LeaseLost."""
        return self._end(record, outcomes.done(files, task, base_sha256))

    def reject(self, record: Record, error: UserError) -> Record:
        """End the job as `rejected`: the dataset cannot be used. Raises LeaseLost."""
        return self._end(record, outcomes.rejected(JobError(error.code, error.message, error.file or "")))

    def fail(self, record: Record, code: str, message: str) -> Record:
        """End the job as `failed`: a fault of this program, with mails to the user and the operator.

        Raises LeaseLost.
        """
        return self._end(record, outcomes.failed(code, message))

    def let_go(self, record: Record, why: Release) -> Record:
        """Give the job back, or fail it when this happened too often. Raises LeaseLost."""
        count = getattr(record.job, why.counter) + 1
        most = getattr(self.limits, f"{why.counter}_max")
        now = self.clock.now()
        if count >= most:
            return self.fail(record, why.code, why.message)
        crashed = why.counter == "crashes"
        retry_at = now + timedelta(seconds=CRASH.wait(count)) if crashed else None

        def released(job: Job) -> Job:
            counted = replace(job, retry_at=retry_at, **{why.counter: count})
            return jobs.moved(counted, Status.AWAITING_WORKER, now, why.message)

        return self.records.owned(record, released)

    def fail_overdue(self, record: Record) -> Record:
        """Fail a job whose deadline passes while it runs. Raises LeaseLost."""
        return self.fail(record, "deadline", OVERDUE)

    # methods for a sweep and for the operator

    def expire(self, record: Record) -> Record | None:
        """End a job that was never uploaded. No mail is sent before an upload."""
        job = jobs.moved(record.job, Status.EXPIRED, self.clock.now(), "expired", email=None)
        return self.records.swapped(record, job)

    def overdue(self, record: Record) -> Record | None:
        """End a job whose deadline has passed, even if a worker owns it; return None when its record has changed."""
        return self._fail_unowned(record, "deadline", OVERDUE)

    def cancel(self, record: Record) -> Record | None:
        """End a job for the operator, even if a worker owns it; return None when its record has changed."""
        return self._fail_unowned(record, "cancelled", "The person who runs the service stopped this job.")

    def past_deadline(self, job: Job, dataset: Stat | None = None) -> bool:
        """Return whether the deadline has passed, counted from the upload.

        `dataset` is the uploaded zip, which holds the time of the upload while no worker has claimed the job.
        """
        return past_deadline(job, dataset, self.clock.now(), self.limits)

    def tidy(self, job: Job) -> None:
        """Delete what an ended job does not need: the dataset, and all models that the user cannot get."""
        self.buckets.datasets.delete(f"{job.id}.zip")
        more = kept.for_later(self.buckets.models, job.id) if job.continues else ()
        self.remove_models(job.id, keep=outcomes.kept(job, more))

    def remove_models(self, job_id: str, keep: Callable[[str], bool]) -> None:
        """Delete the job's objects in the models bucket, except those whose name `keep` accepts."""
        for stat in list(self.buckets.models.list(f"{job_id}/")):
            if not keep(stat.name):
                self.buckets.models.delete(stat.name)

    def close(self, job_id: str) -> None:
        """Delete what an ended job does not need; the open mark last, so that a sweep repeats this if it fails."""
        record = self.read(job_id)
        if record is not None:
            if not record.job.status.terminal:
                return
            self.tidy(record.job)
        self.buckets.emails.delete(f"open/{job_id}")
        self.records.forget(job_id)

    def update(self, job_id: str, change: Change, *, patient: bool = False) -> Record:
        """Apply a change that needs no lease. Raises UserError `not_found`, Transient."""
        return self.records.update(job_id, change, patient=patient)

    def sound(self, job_id: str) -> Record | None:
        """Return the record, or None when there is none that can be read."""
        try:
            return self.read(job_id)
        except BROKEN:
            log.exception("the record of job %s cannot be read", job_id[:8])
            return None

    def _link_end(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.limits.upload_seconds)

    def _slot(self, job: Job) -> str | None:
        """Return the job's slot; take one where it was given back. Empty: none is left. Raises Transient."""
        if job.slot != "":
            return job.slot
        most = self.limits.jobs_per_address_per_day
        return quota.take(self.buckets.emails, self.clock.now().date(), job.email_hmac, most)

    def _end(self, record: Record, outcome: Outcome) -> Record:
        now = self.clock.now()
        return self.records.owned(record, lambda job: outcomes.ended(job, outcome, now, self.limits))

    def _fail_unowned(self, record: Record, code: str, message: str) -> Record | None:
        ended = outcomes.ended(record.job, outcomes.failed(code, message), self.clock.now(), self.limits)
        return self.records.swapped(record, ended)
