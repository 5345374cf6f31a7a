"""Plan a tuning: measure the network, choose the first recipe (the rule), prepare activations and heads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs import wording
from vm_worker.learn.networks.catalogue import Backbone
from vm_worker.learn.tune.messages import Prepared, TrialResult
from vm_worker.learn.tune.recipe import Recipe, cuts
from vm_worker.learn.tune.task_runner import TaskRunner
from vm_worker.learn.tune.timetable import RowCounts, Speeds, Timetable

LATE = "it did not end in time"


def no_time(seconds: float) -> str:
    """Say that so many seconds do not suffice for a trial."""
    return f"no trial fits into the {wording.seconds(seconds)} that were left" if seconds > 0 else "no time was left"


class NotTuned(Exception):
    """The network cannot be tuned. The message says why, for the report."""


@dataclass(frozen=True)
class TuningPlan:
    """The facts and decisions before the first trial."""

    products: str  # the dtype that convolutions multiply in
    timetable: Timetable
    rule: Recipe | None  # the first trial; None: the time does not allow one
    cut: str  # where the heads were prepared
    prepared: Prepared


@dataclass(frozen=True)
class PlanRequest:
    """The network, the photos' counts and the limits that a plan is made for."""

    backbone: Backbone
    images_per_second: float  # through the frozen network, as selection measured it
    counts: RowCounts
    epochs_most: int
    committed: tuple[TrialResult, ...]  # of earlier attempts
    crowd: float = 1.0  # how many times as long as alone work takes now


def make_plan(request: PlanRequest, runner: TaskRunner) -> TuningPlan:
    """Measure the network and prepare. Raises NotTuned, and OutOfMemory or TaskFailed where a task fails."""
    surveyed = runner.survey(request.images_per_second)
    timetable = Timetable(Speeds.of(surveyed, request.counts, request.crowd), runner.budget)
    rule = _committed_rule(request.committed) or timetable.rule(request.backbone, request.epochs_most)
    cut = rule.cut if rule else cuts(request.backbone)[0].layer
    # A head on views is one on the last features alone: it does not beat one of all depths.
    if rule is None and (surveyed.deep or not timetable.fits_preparing(cut)):
        raise NotTuned(no_time(runner.budget.remaining()))
    prepared = runner.prepare(cut, timetable.views(cut))
    if prepared is None:
        raise NotTuned(LATE)
    timetable.filled(cut)
    return TuningPlan(surveyed.products, timetable, rule, cut, prepared)


def _committed_rule(results: Iterable[TrialResult]) -> Recipe | None:
    """Find the rule of an earlier attempt, so that the search goes the same way as there."""
    return next((result.recipe for result in results if result.kind == "rule"), None)
