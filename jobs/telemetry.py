"""Metrics for the operator: the port that receives them, and the counting of changes of a job's record.

All status changes and all mails are written by one compare-and-swap on the record. The process that made the change
counts it there, once. Attributes have values from fixed lists: never an id, an address, a file or a class name. Nothing
here imports OpenTelemetry; `jobs/otlp.py` does, only when `MODELMAIL_TELEMETRY_URL` is set.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from jobs.job import Job, Status

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Metric:
    """A metric: its name, its unit and its description."""

    name: str
    unit: str  # unit in UCUM; braces hold the name of the counted thing
    told: str  # one line for people


JOBS = Metric(
    "modelmail.jobs", "{job}", "jobs by `event`: submitted, claimed, handed_back, done, rejected, failed, ..."
)
JOB_SECONDS = Metric(
    "modelmail.job.duration", "s", "from the upload to the outcome, by `event`: done, rejected, failed"
)
STAGE_SECONDS = Metric("modelmail.stage.duration", "s", "each committed stage, by `stage`: intake, select, tune, ...")
TRIALS = Metric("modelmail.trials", "{trial}", "committed trials of the search")
MAILS = Metric("modelmail.mails", "{mail}", "settled mails by `kind` and `state`: sent, undeliverable, refused")
WAITING = Metric(
    "modelmail.waiting.age", "s", "how long the job that has waited longest has waited for a worker; 0 when none waits"
)

METRICS = (JOBS, JOB_SECONDS, STAGE_SECONDS, TRIALS, MAILS, WAITING)

_EVENTS = {
    Status.AWAITING_WORKER: "handed_back",
    Status.DONE: "done",
    Status.REJECTED: "rejected",
    Status.FAILED: "failed",
    Status.EXPIRED: "expired",
    Status.DELETED: "deleted",
}
_OUTCOMES = (Status.DONE, Status.REJECTED, Status.FAILED)


class Telemetry(Protocol):
    """A receiver of figures. Each call returns at once and never raises, even when no server receives them."""

    def count(self, metric: Metric, **attributes: str) -> None:
        """Count one more."""
        ...

    def took(self, metric: Metric, seconds: float, **attributes: str) -> None:
        """Record a duration."""
        ...

    def observe(self, metric: Metric, value: Callable[[], float]) -> None:
        """Ask for the value each time figures are sent, in a separate thread. It may raise Transient."""
        ...


class Silent:
    """The default telemetry, which drops every figure."""

    def count(self, metric: Metric, **attributes: str) -> None:
        """Do nothing."""

    def took(self, metric: Metric, seconds: float, **attributes: str) -> None:
        """Do nothing."""

    def observe(self, metric: Metric, value: Callable[[], float]) -> None:
        """Do nothing."""


class Tally:
    """Telemetry that stays in this process, for tests.

    The key is `"name word word"`, the words in the order of the attributes' names; the value is the count.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: dict[str, list[float]] = {}
        self.observed: dict[str, Callable[[], float]] = {}
        self._lock = threading.Lock()

    def count(self, metric: Metric, **attributes: str) -> None:
        """Count one more."""
        with self._lock:
            self.counts[_words(metric, attributes)] += 1

    def took(self, metric: Metric, seconds: float, **attributes: str) -> None:
        """Record a duration."""
        with self._lock:
            self.seconds.setdefault(_words(metric, attributes), []).append(seconds)

    def observe(self, metric: Metric, value: Callable[[], float]) -> None:
        """Keep the function, which a test can call."""
        self.observed[metric.name] = value


def _words(metric: Metric, attributes: Mapping[str, str]) -> str:
    return " ".join([metric.name, *(attributes[key] for key in sorted(attributes))])


def opened(url: str, service: str) -> Telemetry:
    """Return telemetry that sends figures to the OTLP receiver at that URL.

    Figures are dropped for an empty URL, or when OpenTelemetry is not installed: missing telemetry must not stop a
    service.
    """
    if not url:
        return Silent()
    try:
        from jobs.otlp import Otlp
    except ImportError as error:
        log.error("no metrics are sent: pip install modelmail[telemetry] (%s)", error)
        return Silent()
    return Otlp(url, service)


def note(telemetry: Telemetry, before: Job | None, after: Job) -> None:
    """Count the changes of one write of a record; `before` is None for a new record."""
    if before is None:
        telemetry.count(JOBS, event="submitted")
        return
    event = _event(before, after)
    if event:
        telemetry.count(JOBS, event=event)
        if after.status in _OUTCOMES and after.uploaded_at and after.finished_at:
            telemetry.took(JOB_SECONDS, (after.finished_at - after.uploaded_at).total_seconds(), event=event)
    for kind, mail in after.mails.items():
        if mail.state.settled and kind in before.mails and not before.mails[kind].state.settled:
            telemetry.count(MAILS, kind=kind, state=str(mail.state))


def _event(before: Job, after: Job) -> str:
    """Return the name of the job's change; empty for a write that changes no status. A takeover counts as a claim."""
    if after.status is Status.RUNNING:
        token = before.lease.token if before.lease else 0
        return "claimed" if after.lease and after.lease.token != token else ""
    return "" if after.status is before.status else _EVENTS.get(after.status, "")
