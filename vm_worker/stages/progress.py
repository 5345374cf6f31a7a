"""The progress of a job and its remaining time, as the status page shows them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from jobs.job import Stage
from vm_worker.as_json import AsJson, only_if_known
from vm_worker.events import ProgressEvent
from vm_worker.results.candidates import CandidateRow, CurvePoint
from vm_worker.stages.link import Link

SHARES = {  # share of each stage in the progress bar
    Stage.INTAKE: 0.05,
    Stage.SELECT: 0.35,
    Stage.TUNE: 0.30,
    Stage.EVALUATE: 0.08,
    Stage.EXPORT: 0.18,
    Stage.REPORT: 0.04,
}
MESSAGES = {
    Stage.INTAKE: "Reading your photos",
    Stage.SELECT: "Trying the candidates",
    Stage.TUNE: "Tuning the best one",
    Stage.EVALUATE: "Testing on photos that it has never seen",
    Stage.EXPORT: "Checking the model files in a clean process",
    Stage.REPORT: "Writing the report",
}
LITTLE = 0.02  # share of the bar; before it, the elapsed time does not allow an estimate of the rest
GAP_SECONDS = 0.5  # seconds between two events of progress


@dataclass(frozen=True)
class Shown(AsJson):
    """The facts that the status page shows beside the bar; None: not known yet."""

    quoted_seconds: float | None = only_if_known()  # the quoted time from claim to outcome
    candidates: tuple[CandidateRow, ...] | None = only_if_known()
    curve: tuple[CurvePoint, ...] | None = only_if_known()  # the epochs of the best candidate so far


class ProgressTeller:
    """A sender of progress events to the worker. Facts that were shown once are repeated with each event."""

    def __init__(self, link: Link, began: float, end: float) -> None:
        """Keep the link; `began` and `end` of the attempt's budget are seconds of the monotonic clock."""
        self._link, self._began, self._end = link, began, end
        self._shown = Shown()
        self._told = 0.0
        self._due = 0.0  # the moment on the monotonic clock at which the job is expected to end; 0: not known yet

    def show(self, **shown: Any) -> None:
        """Set these fields of `Shown` for the next event and all later ones."""
        self._shown = replace(self._shown, **shown)

    def expect_end_in(self, seconds: float) -> None:
        """Set the expected time to the job's end, once it is known well enough."""
        self._due = time.monotonic() + seconds

    def tell(self, stage: Stage, fraction: float, message: str) -> None:
        """Send the progress to the status page; `fraction` is the share of the stage that is done, 0..1.

        An event less than GAP_SECONDS after the last one is left out, except at the start and the end of a stage.
        """
        now = time.monotonic()
        if now - self._told < GAP_SECONDS and fraction not in (0.0, 1.0):
            return
        self._told = now
        done = whole(stage, fraction)
        seconds = remaining(done, now - self._began, self._end - now, self._due - now)
        self._link.send(ProgressEvent(stage, round(done, 4), message, seconds, **self._shown.to_json()))


def whole(stage: Stage, fraction: float) -> float:
    """Return the share of the whole job that is done, 0..1, when `fraction` of the stage is done."""
    order = list(SHARES)
    before = sum(SHARES[one] for one in order[: order.index(stage)])
    return before + SHARES[stage] * min(1.0, max(0.0, fraction))


def remaining(done: float, elapsed: float, left: float, expected: float) -> float:
    """Return the remaining seconds, extrapolated from the `elapsed` ones; at least `expected`, at most `left`."""
    guess = elapsed * (1 - done) / done if done > LITTLE else left
    return round(max(0.0, min(left, max(guess, expected))), 1)
