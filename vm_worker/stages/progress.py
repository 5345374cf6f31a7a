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
ALL, NEARLY = 0.999, 0.99  # shares of the bar: at the end, as floats do not quite sum to 1; at most before it
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
        """Keep the link; `began`, of the job without its pauses, and `end` are seconds of the monotonic clock."""
        self._link, self._began, self._end = link, began, end
        self._shown = Shown()
        self._told = 0.0
        self._due: float | None = None  # the moment at which the job is expected to end; None: not known yet
        self._done = 0.0

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
        work, seconds = whole(stage, fraction), self._remaining(now)
        # By time, once it is known, so that bar and time agree; never back.
        done = work if seconds is None or work > ALL else min(NEARLY, share(now - self._began, seconds))
        self._done = max(self._done, done)
        self._link.send(ProgressEvent(stage, round(self._done, 4), message, seconds, **self._shown.to_json()))

    def _remaining(self, now: float) -> float | None:
        """Return the seconds to the expected end; None where it is not known, or has passed before the budget's."""
        if self._due is None or now >= self._due:
            return None
        return round(max(0.0, min(self._due, self._end) - now), 1)


def whole(stage: Stage, fraction: float) -> float:
    """Return the share of the whole job that is done, 0..1, when `fraction` of the stage is done."""
    order = list(SHARES)
    before = sum(SHARES[one] for one in order[: order.index(stage)])
    return before + SHARES[stage] * min(1.0, max(0.0, fraction))


def share(elapsed: float, left: float) -> float:
    """Return the share of the whole time that has passed, 0..1."""
    return elapsed / max(elapsed + left, 1e-6)
