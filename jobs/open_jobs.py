"""The number of open jobs, against which new ones are admitted, and how long they wait."""

from __future__ import annotations

from datetime import timedelta

from jobs.job import Job, Status
from jobs.queue import Queue
from jobs.storage.store import Stat


def open_jobs(queue: Queue) -> int:
    """Return the number of jobs that count for the limit: uploaded ones, and a part of those with a young link.

    Links alone take at most half of the limit, one for each address and none by renewal: asking for links costs
    nothing, and must not keep out those who have photos.
    """
    found = (queue.sound(stat.name.removeprefix("open/")) for stat in queue.buckets.emails.list("open/"))
    jobs = [record.job for record in found if record is not None and not record.job.status.terminal]
    unused = [job for job in jobs if _unused(queue, job)]
    young = queue.clock.now() - timedelta(seconds=queue.limits.upload_seconds)
    linked = {job.email_hmac for job in unused if job.created_at > young}
    return len(jobs) - len(unused) + min(len(linked), queue.limits.open_jobs // 2)


def ahead(queue: Queue, dataset: Stat) -> int:
    """Return how many uploads came before this one and are still needed: their jobs wait or run. Raises Transient."""
    mine = (dataset.created, dataset.name)
    return sum((other.created, other.name) < mine for other in queue.buckets.datasets.list())


def oldest_waiting_seconds(queue: Queue) -> float | None:
    """Return the longest time for which a job waits for a worker, or None when no job waits. Raises Transient.

    A wait begins with the upload, or when a worker gives the job back.
    """
    unclaimed = (Status.AWAITING_UPLOAD, Status.AWAITING_WORKER)
    found = ((queue.sound(stat.name.removesuffix(".zip")), stat) for stat in queue.buckets.datasets.list())
    waiting = [(record.job, stat) for record, stat in found if record and record.job.status in unclaimed]
    waits = [(queue.clock.now() - max(stat.created, job.moved_at)).total_seconds() for job, stat in waiting]
    return max(waits, default=None)


def _unused(queue: Queue, job: Job) -> bool:
    return job.status is Status.AWAITING_UPLOAD and queue.uploaded(job.id) is None
