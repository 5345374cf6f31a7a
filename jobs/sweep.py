"""What anyone idle does: expire, end what is overdue, send pending mail, delete what is past its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from jobs.job import Status
from jobs.queue import Queue
from jobs.records import Record
from jobs.store import Stat

ORPHAN = timedelta(hours=1)  # an open mark without a record: its submission died half-way


def sweep(queue: Queue, deliver: Callable[[str], None]) -> None:
    """Once over the open jobs. Raises Transient when the storage does not answer."""
    for mark in list(queue.buckets.emails.list("open/")):
        record = queue.read(mark.name.removeprefix("open/"))
        if record is None:
            _orphan(queue, mark)
        else:
            _settle(queue, record, deliver)


def retire(queue: Queue) -> None:
    """Delete the models of jobs whose retention has ended. Reads every record: for once an hour."""
    now = queue.clock.now()
    for stat in list(queue.buckets.emails.list("jobs/")):
        record = queue.read(stat.name.removeprefix("jobs/").removesuffix(".json"))
        if record is None or record.job.status is Status.DELETED or record.job.delete_after is None:
            continue
        if record.job.delete_after <= now:
            queue.delete(record.job.id)


def _orphan(queue: Queue, mark: Stat) -> None:
    if queue.clock.now() - mark.created > ORPHAN:
        queue.buckets.emails.delete(mark.name)


def _settle(queue: Queue, record: Record, deliver: Callable[[str], None]) -> None:
    job = record.job
    if job.status is Status.AWAITING_UPLOAD and queue.uploaded(job.id) is None:
        if queue.clock.now() - job.created_at > timedelta(hours=queue.limits.upload_wait_hours):
            queue.expire(record)
            queue.close(job.id)
        return
    if not job.status.terminal:
        if _overdue(queue, record) and queue.overdue(record) is not None:
            deliver(job.id)
        return
    if job.settled:
        queue.close(job.id)
    else:
        deliver(job.id)


def _overdue(queue: Queue, record: Record) -> bool:
    uploaded_at = record.job.uploaded_at
    if uploaded_at is None:
        stat = queue.uploaded(record.job.id)
        if stat is None:
            return False
        uploaded_at = stat.created
    return queue.clock.now() - uploaded_at > timedelta(hours=queue.limits.deadline_hours)
