"""Metrics for the operator: the port that they go through, and how a change of a job's record is counted.

All status changes and all mails go through one compare-and-swap on the record, so they are counted there, once,
by whoever made the change. Attributes are words of fixed lists: no id, address, file or class name is ever one.
Nothing here imports OpenTelemetry; `jobs/otlp.py` does, and only where `MODELMAIL_TELEMETRY_URL` is set.
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
    """One row of the table of what is measured."""

    name: str
    unit: str  # UCUM; in braces what is counted
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
    """A receiver of figures. Each call returns at once and never raises, whether anybody receives them or not."""

    def count(self, metric: Metric, **attributes: str) -> None:
        """Count one more."""
        ...

    def took(self, metric: Metric, seconds: float, **attributes: str) -> None:
        """Record how long something took."""
        ...

    def observe(self, metric: Metric, value: Callable[[], float]) -> None:
        """Ask for the value each time figures are sent, in a thread of its own. It may raise Transient."""
        ...


class Silent:
    """Telemetry that drops every figure: the default."""

    def count(self, metric: Metric, **attributes: str) -> None:
        """Drop it."""

    def took(self, metric: Metric, seconds: float, **attributes: str) -> None:
        """Drop it."""

    def observe(self, metric: Metric, value: Callable[[], float]) -> None:
        """Drop it."""


class Tally:
    """Telemetry that stays in this process: `"name word word"` -> how often, words in the order of their keys."""

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
        """Record how long something took."""
        with self._lock:
            self.seconds.setdefault(_words(metric, attributes), []).append(seconds)

    def observe(self, metric: Metric, value: Callable[[], float]) -> None:
        """Keep the question, for a test to ask."""
        self.observed[metric.name] = value


def _words(metric: Metric, attributes: Mapping[str, str]) -> str:
    return " ".join([metric.name, *(attributes[key] for key in sorted(attributes))])


def opened(url: str, service: str) -> Telemetry:
    """Send figures to the OTLP receiver at that URL; drop them for an empty one, or without OpenTelemetry installed.

    A service that works must not stop for want of what counts its work.
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
    """Count what one write of a record has changed; `before` is None for a new one."""
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
    """Name what became of the job; empty for a write that changes no status. A takeover is a claim."""
    if after.status is Status.RUNNING:
        token = before.lease.token if before.lease else 0
        return "claimed" if after.lease and after.lease.token != token else ""
    return "" if after.status is before.status else _EVENTS.get(after.status, "")
