"""The mails that a job's start and its ends promise; its last status, and the time for which its results are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobs.job import FileEntry, Job, JobError, PendingMail, Status, moved
from jobs.limits import Limits

ALL_FILES = "all.zip"  # the name, among the files of a job that is done, of a zip of all others
STARTED = "started"  # the kind of the mail that tells of a job's start


@dataclass(frozen=True)
class Outcome:
    """An end of a job, with the kinds of mail that it promises."""

    status: Status
    mails: tuple[str, ...]
    error: JobError | None = None
    files: Mapping[str, FileEntry] = field(default_factory=dict)
    continues: str = ""
    base_sha256: str = ""


def started(job: Job) -> Mapping[str, PendingMail]:
    """Return the mails of a job that is claimed: where its user asked for it, one tells of the first claim."""
    first = job.started_at is None and job.options.start_mail
    return {**job.mails, STARTED: PendingMail()} if first else job.mails


def done(files: Mapping[str, FileEntry], continues: str = "", base_sha256: str = "") -> Outcome:
    """Return the end of a job whose model is ready; the last two are what `Job` has under these names."""
    return Outcome(Status.DONE, ("report",), files=dict(files), continues=continues, base_sha256=base_sha256)


def rejected(error: JobError) -> Outcome:
    """Return the end of a job whose photos cannot be used."""
    return Outcome(Status.REJECTED, ("rejected",), error)


def failed(code: str, message: str) -> Outcome:
    """Return the end of a job by a fault of this program; its user and the operator get a mail."""
    return Outcome(Status.FAILED, ("failed", "operator"), JobError(code, message))


def ended(job: Job, outcome: Outcome, now: datetime, limits: Limits) -> Job:
    """Return the job at its end, with its mails promised. Raises Bug for a job that cannot end so.

    A mail about the start that has not been sent is dropped.
    """
    return moved(
        job,
        outcome.status,
        now,
        str(outcome.status),
        error=outcome.error,
        files=outcome.files,
        continues=outcome.continues,
        base_sha256=outcome.base_sha256,
        finished_at=now,
        delete_after=now + timedelta(days=limits.model_days),
        mails={kind: PendingMail() for kind in outcome.mails},
        retry_at=None,
    )


def kept(job: Job, more: Iterable[str]) -> Callable[[str], bool]:
    """Return a test for the objects of the models bucket to keep after the job's end: its files, manifests and more."""
    files = {*more, *(entry.object for entry in job.files.values())}
    manifests = tuple(f"{job.id}/{kind}/" for kind in ("stages", "trials"))
    return lambda name: job.status is Status.DONE and (name in files or name.startswith(manifests))
