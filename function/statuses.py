"""The answer that shows a job's status to its owner, made from the job's record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from function.addresses import JobAddresses
from function.answers import stamp
from function.wire import ErrorShown, FileShown, StatusAnswer
from jobs import wording
from jobs.job import Job, Status
from jobs.shown import is_finite
from jobs.storage.store import Stat

UPLOADED = "uploaded"  # a status of the answer, never of the record

_MESSAGES: Mapping[str, str] = {
    Status.AWAITING_UPLOAD: "Waiting for the zip.",
    UPLOADED: "The photos are here. The training starts as soon as a machine is free.",
    Status.AWAITING_WORKER: "Waiting for a machine to go on.",
    Status.DONE: "The model and its report are ready to download.",
    Status.REJECTED: "These photos cannot be used as they are.",
    Status.FAILED: "Something broke on our side.",
}


def gone(job: Job, now: datetime) -> bool:
    """Return whether the job must answer like an unknown one: it is expired, deleted, or past its retention."""
    past = job.delete_after is not None and now >= job.delete_after
    return past or job.status in (Status.EXPIRED, Status.DELETED)


def status_answer(
    job: Job, dataset: Stat | None, addresses: JobAddresses, jobs_before: int | None = None
) -> StatusAnswer:
    """Return the answer. `dataset` is the uploaded zip, or None when there is none.

    `jobs_before` is the number of jobs that were sent earlier and wait or run, where this one waits.
    """
    waiting = job.status is Status.AWAITING_UPLOAD
    status = UPLOADED if waiting and dataset is not None else str(job.status)
    return StatusAnswer(
        job_id=job.id,
        status=status,
        stage=str(job.progress.stage) if job.started_at else None,
        progress=1.0 if job.status is Status.DONE else _number(job.progress.fraction),
        message=_message(job, status, jobs_before),
        created_at=stamp(job.created_at),
        uploaded_at=stamp(job.uploaded_at or (dataset.created if dataset else None)),
        started_at=stamp(job.started_at),
        finished_at=stamp(job.finished_at),
        minutes=job.options.minutes,
        quoted_seconds=_number(job.progress.quoted_seconds),
        remaining_seconds=0.0 if job.status.terminal else _number(job.progress.remaining_seconds),
        candidates=tuple(row.finite() for row in job.progress.candidates),
        curve=tuple(point.finite() for point in job.progress.curve),
        error=ErrorShown(job.error.code, job.error.message) if job.error else None,
        files=tuple(FileShown(name, addresses.file(job.id, name), entry.bytes) for name, entry in job.files.items()),
        delete_after=stamp(job.delete_after),
        continue_url=addresses.continuing(job.id) if job.continues and job.status is Status.DONE else None,
        jobs_before=jobs_before,
    )


def _message(job: Job, status: str, jobs_before: int | None) -> str:
    if job.error:
        return job.error.message
    if status in _MESSAGES and jobs_before is not None:
        return f"{_MESSAGES[status]} {_queue(jobs_before)}"
    return _MESSAGES.get(status) or job.progress.message


def _queue(jobs_before: int) -> str:
    if jobs_before == 0:
        return "It is the next."
    return f"{wording.plural(jobs_before, 'job')} that came earlier {'is' if jobs_before == 1 else 'are'} not done yet."


def _number(value: float | None) -> float | None:
    return value if is_finite(value) else None
