"""The stage in which better trainings of a detector are searched, with the time that the first one left."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace

from jobs.job import Stage
from vm_worker.events import File
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.activations import OutOfTime
from vm_worker.results.trials import SearchSummary, Tuned
from vm_worker.search.trial_runner import Committed
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, private
from vm_worker.stages.trials import committer
from vm_worker.tasks.detection import learning
from vm_worker.tasks.detection.engine import engine, network
from vm_worker.tasks.detection.engine.training.boxing import BoxingPlan
from vm_worker.tasks.detection.engine.training.search import Searched, SearchRequest, enough, search
from vm_worker.tasks.detection.engine.training.tuning import TuningPlan
from vm_worker.tasks.detection.learnt import METRIC, SECOND_STAGE, UPPER_PART, Learnt, rows

TUNED, TUNED_SETTINGS = "tuned.h5", "tuned_settings.json"  # private files; written where they are better
STARTS = 5.0  # starts of the libraries that it takes as long as to build the network and its graphs, with maps at hand
LEAST_SHARE = 0.4  # of the first training's time, that the shortest other one takes
PHASES = {
    engine.TUNING: "Tuning the upper part of the network",
    engine.BOXING: "Learning to look at each object once more",
}
LATE = "none fitted the time that was left"

log = logging.getLogger(__name__)


def tune(context: StageContext) -> Output:
    """Search other recipes, and train the upper part of the best one's network; deliver what is better."""
    learnt, budget = Learnt.read(context.folder), learning.search_budget(context)
    found = _searched(context, learnt, budget) if fits(context, learnt, budget) else None
    shutil.rmtree(context.inputs.scratch / learning.ENGINE, ignore_errors=True)
    if found is None:
        first = rows((learnt.facts,), learnt.facts.number)
        summary = SearchSummary("none", 1, LATE)
        return Output(Tuned(False, first, (), None, None, summary, first[0].validation_score, METRIC))
    better = found.tuned or found.key != learnt.key or found.stage is not None
    files: tuple[File, ...] = ()
    if better:
        classes = context.inputs.dataset().truth.classes
        learning.write(context.folder, found.detector, classes, TUNED, TUNED_SETTINGS)
        files = (private(TUNED), private(TUNED_SETTINGS))
    kept = next(one.number for one in found.trials if one.recipe == found.recipe)
    more = [name for name, is_so in ((UPPER_PART, found.tuned), (SECOND_STAGE, found.stage is not None)) if is_so]
    # Its point is that of what is delivered, with all that was trained after the trial.
    tried = [replace(one, point=found.detector.point) if one.number == kept else one for one in found.trials]
    trials = rows(tried, kept, more)
    summary = SearchSummary(_algorithm(context), len(trials), found.outcome)
    return Output(Tuned(better, trials, (), None, None, summary, trials[0].validation_score, METRIC), files)


def delivered_files(context: StageContext) -> tuple[str, str]:
    """Return the names of the model and of its settings that are tested and delivered."""
    better = context.results.tuned.better
    return (TUNED, TUNED_SETTINGS) if better else (learning.DETECTOR, learning.SETTINGS)


def fits(context: StageContext, learnt: Learnt, budget: Budget) -> bool:
    """Return whether another training fits the time, with all that comes before it."""
    if context.spec.options.trials == 0:
        log.info("no other training was asked for")
        return False
    if not learnt.whole:
        log.info("no other training: the first came to %d of %d epochs", learnt.facts.epochs, learnt.epochs)
        return False
    kept = (context.inputs.scratch / learning.ENGINE / "training").is_dir()
    before = STARTS * context.clock.start + (0.0 if kept else learnt.prepared)
    return enough("another training", before + LEAST_SHARE * learnt.facts.seconds, budget)


def _algorithm(context: StageContext) -> str:
    return context.spec.options.search


def _searched(context: StageContext, learnt: Learnt, budget: Budget) -> Searched | None:
    """Search with the time that is left; None where it did not suffice."""
    spec, dataset = context.spec, context.inputs.dataset()
    photos, weight = learning.engine_photos(dataset), learning.weight_of(context)
    known = {learnt.key: learnt.result, **{key: done.result for key, done in spec.trials.items()}}
    request = SearchRequest(
        _algorithm(context), spec.options.trials, Committed(known, committer(context)), TuningPlan(), BoxingPlan()
    )
    base, began = network.pretrained(weight), budget.remaining()

    def tell(progress: engine.Progress) -> None:
        words = PHASES.get(progress.phase, "Trying another training")
        epoch = f", round {progress.epoch.number} of {progress.epoch.of}" if progress.epoch else ""
        context.progress.tell(Stage.TUNE, 1 - max(0.0, budget.remaining()) / began, words + epoch)

    work = engine.Workplace(context.inputs.scratch / learning.ENGINE, base, budget, spec.options.seed, tell)
    try:
        return search(photos, learning.plan_of(context, photos, weight, budget), work, request)
    except OutOfTime:
        log.warning("the time ended before another training began")
        return None
