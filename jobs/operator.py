"""The operator's actions: list the jobs, give one to the next worker now, stop one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from jobs import job as jobs
from jobs.errors import UserError
from jobs.job import Job, Lease, Status, valid_id
from jobs.queue import Queue
from jobs.records import Record

SHORT = 8  # characters of an id that logs and lists show


def everything(queue: Queue) -> Iterator[Record]:
    """Read every record, in no fixed order. A record that cannot be read is left out."""
    for stat in queue.buckets.emails.list("jobs/"):
        record = queue.read(stat.name.removeprefix("jobs/").removesuffix(".json"))
        if record is not None:
            yield record


def find(queue: Queue, given: str) -> Record:
    """Return the job with this id or this beginning of an id.

    Raises UserError `not_found`, also when several ids begin so.
    """
    if valid_id(given):
        found = [record for record in [queue.read(given)] if record is not None]
    elif len(given) >= SHORT:
        found = [record for record in everything(queue) if record.job.id.startswith(given)]
    else:
        raise UserError("not_found", f"Give at least {SHORT} characters of the job's id.")
    if len(found) != 1:
        raise UserError("not_found", f"{len(found)} jobs have an id that begins with {given[:22]!r}.")
    return found[0]


def retry(queue: Queue, job_id: str) -> Job:
    """Let the next worker take the job now, and set its count of crashes to zero.

    The next write of a worker that has the job fails. Raises UserError `bad_request` for a job that no worker can take:
    its photos are deleted at its end.
    """

    def change(job: Job) -> Job:
        if job.status not in (Status.RUNNING, Status.AWAITING_WORKER):
            raise UserError("bad_request", f"The job is {job.status}: there is nothing to try again.")
        fenced = Lease("operator", (job.lease.token if job.lease else 0) + 1)
        job = replace(job, lease=fenced, crashes=0, retry_at=None)
        if job.status is Status.AWAITING_WORKER:
            return job
        return jobs.moved(job, Status.AWAITING_WORKER, queue.clock.now(), "taken back by the operator")

    return queue.update(job_id, change).job


def cancel(queue: Queue, job_id: str) -> Job:
    """End the job as failed, with a mail to its user. Raises UserError `bad_request` for a job that has ended."""
    while True:
        record = find(queue, job_id)
        if record.job.status.terminal:
            raise UserError("bad_request", f"The job is {record.job.status} already.")
        if record.job.status is Status.AWAITING_UPLOAD and queue.uploaded(job_id) is None:
            # No mail is sent before an upload.
            ended = queue.expire(record)
        else:
            ended = queue.cancel(record)
        if ended is not None:
            return ended.job
