"""How far a job is, and how long it will go on: what the status page shows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from jobs.job import Stage
from vm_worker.as_json import AsJson, only_if_known
from vm_worker.events import ProgressEvent
from vm_worker.results.candidates import CandidateRow, CurvePoint
from vm_worker.stages.link import Link

SHARES = {  # of the progress bar
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
LITTLE = 0.02  # of the bar: the time until then tells nothing of the rest
GAP_SECONDS = 0.5  # between two events of progress


@dataclass(frozen=True)
class Shown(AsJson):
    """The facts that the page shows beside the bar; None: nothing yet."""

    quoted_seconds: float | None = only_if_known()  # from claim to outcome
    candidates: tuple[CandidateRow, ...] | None = only_if_known()
    curve: tuple[CurvePoint, ...] | None = only_if_known()  # of the best candidate so far


class ProgressTeller:
    """Tells the parent how far the job is. What was shown once is repeated with each event."""

    def __init__(self, link: Link, began: float, end: float) -> None:
        """`began` and `end`, of the attempt's budget, are seconds of the monotonic clock."""
        self._link, self._began, self._end = link, began, end
        self._shown = Shown()
        self._told = 0.0
        self._due = 0.0  # when the job is expected to end, on the monotonic clock; 0: not known yet

    def show(self, **shown: Any) -> None:
        """Show these fields of `Shown` from the next event on."""
        self._shown = replace(self._shown, **shown)

    def expect_end_in(self, seconds: float) -> None:
        """What is left is known well enough to say when the job will end."""
        self._due = time.monotonic() + seconds

    def tell(self, stage: Stage, fraction: float, message: str) -> None:
        """Progress for the status page: `fraction` is of the stage, 0..1. Most events within a gap are left out."""
        now = time.monotonic()
        if now - self._told < GAP_SECONDS and fraction not in (0.0, 1.0):
            return
        self._told = now
        done = whole(stage, fraction)
        seconds = remaining(done, now - self._began, self._end - now, self._due - now)
        self._link.send(ProgressEvent(stage, round(done, 4), message, seconds, **self._shown.to_json()))


def whole(stage: Stage, fraction: float) -> float:
    """The share of the whole job, 0..1, that is done when this share of the stage is."""
    order = list(SHARES)
    before = sum(SHARES[one] for one in order[: order.index(stage)])
    return before + SHARES[stage] * min(1.0, max(0.0, fraction))


def remaining(done: float, elapsed: float, left: float, expected: float) -> float:
    """Seconds to go: guessed from what was done in `elapsed` seconds, at least `expected`, at most `left`."""
    guess = elapsed * (1 - done) / done if done > LITTLE else left
    return round(max(0.0, min(left, max(guess, expected))), 1)
