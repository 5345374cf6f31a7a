"""`modelmail jobs`: the operator's view of an installation, with the settings of its worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.table import Table

from infra.cli.screen import Screen
from infra.local.stack import running
from jobs import operator, wording
from jobs.errors import ModelmailError, UserError
from jobs.installation import open_queue
from jobs.job import Job, Status
from jobs.queue import Queue
from jobs.settings import Settings

USUAL_DATA = Path("modelmail-data")  # the default of `modelmail up`
ENDED = (Status.EXPIRED, Status.DELETED)  # states that only --all shows


def show(everything: bool, as_json: bool, data: Path | None = None) -> int:
    """List the jobs, the newest first; return the exit status."""

    def work(queue: Queue, screen: Screen) -> int:
        jobs = sorted((record.job for record in operator.everything(queue)), key=lambda job: job.created_at)
        rows = [_row(job, queue.clock.now()) for job in reversed(jobs) if everything or job.status not in ENDED]
        screen.show(_table(rows))
        if as_json:
            sys.stdout.write(json.dumps({"jobs": [vars(row) for row in rows]}) + "\n")
        return 0

    return _with_queue(work, as_json, data)


def act(action: str, job_id: str, as_json: bool, data: Path | None = None) -> int:
    """Retry or cancel one job; return the exit status."""
    actions = {"retry": operator.retry, "cancel": operator.cancel}

    def work(queue: Queue, screen: Screen) -> int:
        found = operator.find(queue, job_id).job
        job = actions[action](queue, found.id)
        screen.say(f"Job {job.short_id} is {job.status}.")
        if as_json:
            sys.stdout.write(json.dumps(vars(_row(job, queue.clock.now()))) + "\n")
        return 0

    return _with_queue(work, as_json, data)


def _with_queue(work: Callable[[Queue, Screen], int], as_json: bool, data: Path | None) -> int:
    screen = Screen(to_stderr=as_json)
    try:
        return work(open_queue(_settings(data, screen)), screen)
    except UserError as error:
        screen.say(f"{error.code}: {error.message}")
        return 1
    except (ModelmailError, ValueError, OSError) as error:
        screen.say(f"The buckets cannot be read: {error}")
        return 2


def _settings(data: Path | None, screen: Screen) -> Settings:
    """Return the settings of the installation: of the service that runs with `data`, or of the environment.

    Without either, those of the service that runs with the usual folder. Raises ValueError where there is none.
    """
    given = Settings.from_env()
    if data is None and given != Settings():
        return given
    folder = USUAL_DATA if data is None else data
    found = running(folder)
    if found is not None:
        screen.say(f"The service that runs with {folder}:")
        return found
    if data is not None:
        raise ValueError(f"no `modelmail up` runs with {data}")
    screen.say(f"No `modelmail up` runs with {folder}: asking Google Cloud.")
    return given


@dataclass(frozen=True)
class JobRow:
    """A line of the list. It holds no address and no complete id, as other people may see the screen."""

    job: str
    status: str
    stage: str | None
    age_seconds: int
    running_seconds: int | None
    owner: str | None
    takeovers: int
    preemptions: int
    crashes: int
    error: str | None  # code of the error
    mails: Mapping[str, str]  # kind of mail -> its state


def _row(job: Job, now: datetime) -> JobRow:
    ended = job.finished_at or now
    running = job.status is Status.RUNNING
    return JobRow(
        job=job.short_id,
        status=str(job.status),
        stage=str(job.progress.stage) if running else None,
        age_seconds=round((now - job.created_at).total_seconds()),
        running_seconds=round((ended - job.started_at).total_seconds()) if job.started_at else None,
        owner=job.lease.owner if job.lease and running else None,
        takeovers=job.takeovers,
        preemptions=job.preemptions,
        crashes=job.crashes,
        error=job.error.code if job.error else None,
        mails={kind: str(mail.state) for kind, mail in job.mails.items()},
    )


def _table(rows: Iterable[JobRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("Job", "Status", "Stage", "Age", "Ran for", "Attempts lost", "Error", "Mails"):
        table.add_column(title, overflow="fold")
    for row in rows:
        lost = row.takeovers + row.preemptions + row.crashes
        mails = ", ".join(f"{kind} {state}" for kind, state in row.mails.items())
        ran = wording.seconds(row.running_seconds) if row.running_seconds is not None else ""
        age = wording.seconds(row.age_seconds)
        table.add_row(row.job, row.status, row.stage or "", age, ran, str(lost or ""), row.error or "", mails)
    return table
