"""The sweep over all jobs: expire some, end overdue ones, send pending mail, and delete old data."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobs import quota
from jobs.errors import Transient
from jobs.job import Job, Status
from jobs.queue import Queue
from jobs.records import Record
from jobs.storage.store import Stat

# Age of an open mark without a record, after which it is deleted: its submission was interrupted.
ORPHAN = timedelta(hours=1)
UNTOUCHED = timedelta(days=2)  # longer than any job is written to after its end, as mails are tried for a day

log = logging.getLogger(__name__)

More = Callable[[], bool]  # returns whether there is time for one more job


@dataclass
class Swept:
    """The numbers of jobs that a sweep has ended or cleaned up, by kind, and of all that it has read."""

    seen: int = 0
    expired: int = 0
    failed: int = 0  # jobs past their deadline
    delivered: int = 0  # jobs whose mails were tried
    closed: int = 0
    orphans: int = 0
    deleted: int = 0  # jobs past their retention
    strays: int = 0  # uploads without a job that waits for them


def always() -> bool:
    """Return True: there is always time for one more job."""
    return True


def sweep(queue: Queue, deliver: Callable[[str], None], more: More = always) -> Swept:
    """Go through the open jobs once, while there is time. Raises Transient when the storage does not answer."""
    done = Swept()
    marks = list(queue.buckets.emails.list("open/"))
    random.shuffle(marks)  # a sweep that ends early must not leave out the same jobs each time
    for mark in marks:
        if not more():
            break
        done.seen += 1
        try:
            _sweep_one(queue, mark, deliver, done)
        except Transient:
            raise
        except Exception:
            log.exception("job %s cannot be swept", mark.name.removeprefix("open/")[:8])
    return done


def _sweep_one(queue: Queue, mark: Stat, deliver: Callable[[str], None], done: Swept) -> None:
    record = queue.read(mark.name.removeprefix("open/"))
    if record is None:
        _orphan(queue, mark, done)
    else:
        _settle(queue, record, deliver, done)


def retire(queue: Queue, more: More = always) -> int:
    """Delete the models of jobs whose retention has ended; return their number.

    It lists every record, so it should run about once an hour.
    """
    now = queue.clock.now()
    ids = [_job_of(stat) for stat in queue.buckets.emails.list("jobs/") if _may_be_past(queue, stat, now)]
    random.shuffle(ids)
    deleted = 0
    for job_id in ids:
        if not more():
            break
        record = queue.read(job_id)
        if record is None or record.job.status is Status.DELETED or record.job.delete_after is None:
            continue
        if record.job.delete_after <= now:
            queue.delete(record.job.id)
            deleted += 1
    return deleted


def clear(queue: Queue, more: More = always) -> int:
    """Delete uploads whose job has ended or does not exist; return their number.

    Each poll of a worker does the same.
    """
    deleted = 0
    for stat in list(queue.buckets.datasets.list()):
        if not more():
            break
        record = queue.read(stat.name.removesuffix(".zip"))
        if record is None or record.job.status.terminal:
            deleted += queue.buckets.datasets.delete(stat.name)
    return deleted


def _job_of(record: Stat) -> str:
    return record.name.removeprefix("jobs/").removesuffix(".json")


def _may_be_past(queue: Queue, record: Stat, now: datetime) -> bool:
    """Return whether a record may be past its retention, by the time of its last write, without reading it."""
    return now - record.created >= timedelta(days=queue.limits.model_days) - UNTOUCHED


def _orphan(queue: Queue, mark: Stat, done: Swept) -> None:
    if queue.clock.now() - mark.created > ORPHAN:
        queue.buckets.emails.delete(mark.name)
        done.orphans += 1


def _settle(queue: Queue, record: Record, deliver: Callable[[str], None], done: Swept) -> None:
    job = record.job
    if job.status is Status.AWAITING_UPLOAD and queue.uploaded(job.id) is None:
        if _forgotten(queue, job):
            if queue.expire(record) is None:
                return  # photos came at the last moment, and a worker has claimed the job
            queue.close(job.id)
            done.expired += 1
        else:
            give_slot_back(queue, record)
        return
    if not job.status.terminal:
        if _overdue(queue, job) and queue.overdue(record) is not None:
            done.failed += 1
            done.delivered += 1
            deliver(job.id)
        elif not all(mail.state.settled for mail in job.mails.values()):
            deliver(job.id)  # the mail about its start
        return
    if job.settled:
        queue.close(job.id)
        done.closed += 1
    else:
        done.delivered += 1
        deliver(job.id)
        queue.tidy(job)  # after the mail, so that an error in the deletion does not delay the mail


def give_slot_back(queue: Queue, record: Record) -> None:
    """Give the slot of a job back to its address when its link has ended and no photos came. Raises Transient.

    The record is written first: an address may get fewer slots than the limit, never more. Photos that come late, or a
    fresh link, take a slot again (`Queue.claim`, `Queue.renew_link`).
    """
    job = record.job
    if not job.slot or job.link_expires_at is None or job.link_expires_at > queue.clock.now():
        return
    if queue.records.swapped(record, replace(job, slot="")) is not None:
        quota.give_back(queue.buckets.emails, job.slot)


def _forgotten(queue: Queue, job: Job) -> bool:
    """Return whether no photos will come: the wait is over, and the last link has ended."""
    now = queue.clock.now()
    linked = job.link_expires_at is not None and now < job.link_expires_at
    return now - job.created_at > timedelta(hours=queue.limits.upload_wait_hours) and not linked


def _overdue(queue: Queue, job: Job) -> bool:
    dataset = queue.uploaded(job.id) if job.uploaded_at is None else None
    return queue.past_deadline(job, dataset)
