"""Tune the selected network within a budget: try a first recipe, search for better ones, train the best further.

This module does not train by itself: trials run in an executor. Each result is offered to the parent as soon as the
trial has ended. A trial that an earlier attempt has committed is not run again: only its result is read. A trial's
weights are not committed. The last training continues from them on train+validation; where they are lost, it follows
the recipe from the pretrained network.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs import wording
from jobs.options import Options
from vm_worker.executors.choice import chosen
from vm_worker.executors.executor import Executor, OutOfMemory, TaskFailed
from vm_worker.intake.dataset import Part
from vm_worker.learn.arrays import Floats
from vm_worker.learn.budget import Budget
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import catalogue
from vm_worker.learn.progress_events import ProgressSink
from vm_worker.learn.tune.delivery import Delivered, Delivery
from vm_worker.learn.tune.fine_tuning import FineTuning, Recipes
from vm_worker.learn.tune.messages import TrialResult
from vm_worker.learn.tune.plan import NotTuned, PlanRequest, TuningPlan, make_plan, no_time
from vm_worker.learn.tune.progress import TuningProgress, curve_point
from vm_worker.learn.tune.recipe import Recipe
from vm_worker.learn.tune.task_runner import TaskRunner
from vm_worker.learn.tune.tasks import ENTRY
from vm_worker.learn.tune.timetable import RowCounts, worth_measuring
from vm_worker.learn.tune.trial_table import TrialTable
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, write_inputs
from vm_worker.results.candidates import CurvePoint
from vm_worker.results.trials import SearchSummary, TrialRow
from vm_worker.search.algorithms import SEARCHES
from vm_worker.search.loop import EndPolicy, SearchLoop
from vm_worker.search.trial_runner import Committed, TrialRunner
from vm_worker.spec import Cluster

TUNED = "tuned.weights.h5"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TuningPolicy:
    """Settings of tuning: how trials run, and when their search ends."""

    # Seconds of budget from which trials run in a process of their own: with less, its start (5 to 8 s) would take more
    # than 5 % of the time.
    isolated_seconds: float = 150.0
    ending: EndPolicy = field(default_factory=EndPolicy)
    entry: str = ENTRY  # the function that an executor's process runs


@dataclass(frozen=True)
class TuneRequest:
    """The network to tune, the photos, the options and the budget."""

    dataset: LabelledPhotos
    chosen: SelectedNetwork
    options: Options
    budget: Budget
    folder: Path
    images_per_second: float  # through the frozen network, as selection measured it
    committed: Committed = field(default_factory=Committed)
    cluster: Cluster = field(default_factory=Cluster)
    policy: TuningPolicy = field(default_factory=TuningPolicy)
    crowd: float = 1.0  # how many times as long as alone work takes now


@dataclass(frozen=True)
class FineTuned:
    """The result of tuning. Its figures are of the fixed validation part, by models that had not seen that part."""

    better: bool  # than the selected head
    weights_path: Path | None  # of the whole assembled model, when better
    trials: tuple[TrialRow, ...]
    curve: tuple[CurvePoint, ...]
    validation_accuracy: float | None  # None when no trial came to its end
    validation_loss: float | None
    search: SearchSummary
    validation: Floats | None = None  # (m, k): probabilities of the validation photos by the model of these figures
    validation_score: float | None = None  # the figure that counts; None when no trial came to its end
    share: float | None = None  # of these weights' logits in a mean with what was selected; None: there is no mean


def tune(request: TuneRequest, sink: ProgressSink) -> FineTuned:
    """Run the rule, search on, and keep the best model only if it beats the selected head on the validation part."""
    if request.options.trials == 0:
        return skipped(request, "no trials were asked for")
    goal, score = request.options.goal, request.chosen.score
    if goal is not None and score is not None and score >= goal:
        return skipped(request, f"what was selected has reached the goal of {wording.percent(goal, 1)}")
    isolated = request.budget.remaining() > request.policy.isolated_seconds
    photos = sum(len(request.dataset.rows(part)) for part in (Part.TRAIN, Part.VALIDATION))
    photos = 0 if request.committed.results else photos  # trials of an earlier attempt need none
    if not worth_measuring(request.budget, request.images_per_second, photos, request.crowd if isolated else 1.0):
        return skipped(request, no_time(request.budget.remaining()))
    progress = TuningProgress(request.chosen.weight.key, request.budget, sink)
    executor = chosen(request.policy.entry, progress.hear, request.cluster, isolated)
    try:
        return _tuned(request, executor, progress)
    except NotTuned as reason:
        return skipped(request, str(reason))
    finally:
        executor.close()


def skipped(request: TuneRequest, note: str) -> FineTuned:
    """Return the result of a tuning that did not take place, with the reason."""
    only = TrialRow(1, "rule", {}, state="skipped", note=note)
    return FineTuned(False, None, (only,), (), None, None, _summary(request, 0, note))


def _tuned(request: TuneRequest, executor: Executor, progress: TuningProgress) -> FineTuned:
    """Plan, search and deliver. Raises NotTuned."""
    inputs = write_inputs(request.dataset, request.chosen, request.options, request.folder / "trials")
    runner = TaskRunner(executor, inputs, request.budget)
    committed = {key: TrialResult.from_json(result) for key, result in request.committed.results.items()}
    plan = _planned(request, runner, committed)
    table = TrialTable(plan.prepared.head)
    outcome = "the time left did not allow a trial"
    if plan.rule:
        recipes = _recipes(request, plan.rule, inputs.share)
        study = FineTuning(recipes, plan.timetable, table, runner, progress)
        study.remember(committed)
        outcome = _searched(request, study, plan.rule, executor)
    delivered = Delivery(plan, table, runner, progress, request.folder / TUNED).decide(request.options.epochs)
    return _outcome(request, plan, table, delivered, outcome)


def _planned(request: TuneRequest, runner: TaskRunner, committed: dict[str, TrialResult]) -> TuningPlan:
    counts = RowCounts(*(len(request.dataset.rows(part)) for part in (Part.TRAIN, Part.VALIDATION)))
    backbone, results = catalogue.find(request.chosen.weight.key), tuple(committed.values())
    wanted = PlanRequest(backbone, request.images_per_second, counts, request.options.epochs, results, request.crowd)
    try:
        return make_plan(wanted, runner)
    except (OutOfMemory, TaskFailed) as error:
        log.warning("tuning is given up: %s", error)
        raise NotTuned("it did not succeed on this machine") from error


def _recipes(request: TuneRequest, rule: Recipe, share: float) -> Recipes:
    backbone, options = catalogue.find(request.chosen.weight.key), request.options
    return Recipes(backbone, rule, options.epochs, options.search, request.dataset.sha256, options.seed, share)


def _searched(request: TuneRequest, study: FineTuning, rule: Recipe, executor: Executor) -> str:
    """Try the rule, then the searcher's suggestions; return how the search ended."""
    options = request.options
    first = [point for point in study.first if study.space.holds(point)]
    searcher = SEARCHES[options.search].make(study.space, options.seed, first)
    trials = TrialRunner(study, study, executor, request.committed, options.search)
    policy = replace(request.policy.ending, most=options.trials, stopped=lambda: study.reached(options.goal))
    loop = SearchLoop(searcher, study.decode, trials, policy)
    loop.know(rule, trials.run("rule", rule, rule))
    return loop.run()


def _outcome(
    request: TuneRequest, plan: TuningPlan, table: TrialTable, delivered: Delivered, outcome: str
) -> FineTuned:
    points = table.best.result.points if table.best else ()
    return FineTuned(
        better=delivered.weights is not None,
        weights_path=delivered.weights,
        trials=delivered.rows,
        curve=tuple(curve_point(request.chosen.weight.key, point) for point in points),
        validation_accuracy=delivered.score.accuracy,
        validation_loss=delivered.score.loss,
        search=_summary(request, len(table.rows), outcome, plan.products),
        validation=delivered.validation,
        validation_score=delivered.score.value,
        share=delivered.share,
    )


def _summary(request: TuneRequest, count: int, outcome: str, products: str = "") -> SearchSummary:
    return SearchSummary(request.options.search, count, outcome, products)
