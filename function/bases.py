"""The earlier jobs that a new one may continue from: their links are checked before anything else of them is read."""

from __future__ import annotations

from dataclasses import replace

from function.statuses import gone
from jobs import tokens
from jobs.errors import UserError
from jobs.job import Job, Status
from jobs.options import Options
from jobs.queue import Queue


def resolved(queue: Queue, secret: str, options: Options) -> Options:
    """Return the options with the ids of the earlier jobs in place of their links, and with their task.

    Raises one and the same UserError `unknown_base` where one of them is unknown, expired or deleted, of another task
    or without a model to continue from, and for a token that is not its own.
    """
    if not options.base:
        return options
    found = [_earlier(queue, secret, link, options.task) for link in options.base]
    jobs = {job.id: job for job in found if job is not None}
    tasks = {job.continues for job in jobs.values()}
    if None in found or len(tasks) != 1:
        which = "this link" if len(found) == 1 else "one of these links, or they are for models of several kinds"
        raise UserError("unknown_base", f"There is no model to continue from under {which}.")
    if options.add and not all(job.options.keep_photos for job in jobs.values()):
        raise UserError("bad_option", "add: the earlier job kept no photos; send old and new photos together instead.")
    return replace(options, base=tuple(jobs), task=tasks.pop())


def _earlier(queue: Queue, secret: str, link: str, task: str) -> Job | None:
    """Return the job under the link, or None where no job of the task can continue from its model.

    Without a task the new job gets that of the model.
    """
    job_id = tokens.continuing(secret, link)
    record = queue.read(job_id) if job_id else None
    if record is None or gone(record.job, queue.clock.now()):
        return None
    job = record.job
    return job if job.status is Status.DONE and job.continues and task in ("", job.continues) else None
