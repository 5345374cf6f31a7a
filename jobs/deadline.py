"""The deadline of a job: one rule for the worker that runs it, for a worker that would claim it, and for a sweep."""

from __future__ import annotations

from datetime import datetime, timedelta

from jobs.job import Job
from jobs.limits import Limits
from jobs.storage.store import Stat


def past_deadline(job: Job, dataset: Stat | None, now: datetime, limits: Limits) -> bool:
    """Return whether more than `deadline_hours` have passed since the upload of the job's zip.

    The result is False before an upload. The record holds the time of the upload once a worker has claimed the job;
    before that, `dataset`, the zip, holds it.
    """
    uploaded_at = job.uploaded_at or (dataset.created if dataset else None)
    return uploaded_at is not None and now - uploaded_at > timedelta(hours=limits.deadline_hours)
