"""The earlier job that a new one continues from: its link is checked before anything else of it is read."""

from __future__ import annotations

from dataclasses import replace

from function.statuses import gone
from jobs import tokens
from jobs.errors import UserError
from jobs.job import Job, Status
from jobs.options import Options
from jobs.queue import Queue


def resolved(queue: Queue, secret: str, options: Options) -> Options:
    """Return the options with the id of the earlier job in place of its link, and with its task.

    Raises one and the same UserError `unknown_base` for a job that is unknown, expired or deleted, for one of another
    task or without a model to continue from, and for a token that is not its own.
    """
    if not options.base:
        return options
    job_id = tokens.continuing(secret, options.base)
    record = queue.read(job_id) if job_id else None
    if record is None or not _continues(record.job, options.task) or gone(record.job, queue.clock.now()):
        raise UserError("unknown_base", "There is no model to continue from under this link.")
    if options.add and not record.job.options.keep_photos:
        raise UserError("bad_option", "add: the earlier job kept no photos; send old and new photos together instead.")
    return replace(options, base=record.job.id, task=record.job.continues)


def _continues(job: Job, task: str) -> bool:
    """Return whether a job of this task can continue from the model; without a task it gets that of the model."""
    return job.status is Status.DONE and bool(job.continues) and task in ("", job.continues)
