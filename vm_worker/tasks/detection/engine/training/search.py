"""Search the recipe of a detector by any of the product's search algorithms, and deliver the best trial's detector."""

from __future__ import annotations

from dataclasses import dataclass, field

from vm_worker.search.algorithms import SEARCHES
from vm_worker.search.loop import EndPolicy, SearchLoop
from vm_worker.search.trial_runner import Committed, TrialRunner
from vm_worker.tasks.detection.engine.engine import TrainedDetector, finished
from vm_worker.tasks.detection.engine.plan import EnginePlan
from vm_worker.tasks.detection.engine.training.boxing import BoxedStage, BoxingPlan, boxed
from vm_worker.tasks.detection.engine.training.course import Recipe
from vm_worker.tasks.detection.engine.training.session import Photos, Session, Workplace
from vm_worker.tasks.detection.engine.training.study import DetectionStudy, SessionExecutor, TrialFacts, of_best
from vm_worker.tasks.detection.engine.training.tuning import TuningPlan, tuned


@dataclass(frozen=True)
class SearchRequest:
    """How to search."""

    algorithm: str = "genetic"  # a key of SEARCHES
    trials: int | None = None  # at most, the plan's own recipe included; None: as many as fit the time
    committed: Committed = field(default_factory=Committed)  # what earlier attempts have found
    tuning: TuningPlan | None = None  # how the best trial's network is trained on, where that fits the time
    boxing: BoxingPlan | None = None  # how a second stage is trained on the best network, where that fits the time


@dataclass(frozen=True, eq=False)
class Searched:
    """The best detector, and all trials."""

    detector: TrainedDetector
    recipe: Recipe  # of the best trial
    key: str  # of the best trial
    tuned: bool  # the upper part of its network was trained, too
    stage: BoxedStage | None  # the second stage, which makes it a Mask R-CNN; None: it has none
    trials: tuple[TrialFacts, ...]
    outcome: str  # how the search ended, as a sentence: "not solvable within these settings" is one


def search(photos: Photos, plan: EnginePlan, work: Workplace, request: SearchRequest) -> Searched:
    """Try the plan's recipe, then what the algorithm suggests; deliver the best.

    Raises OutOfTime where no trial came to its end.
    """
    session = Session(photos, plan, work)
    study = DetectionStudy(session)
    trials = TrialRunner(study, study, SessionExecutor(session), request.committed, request.algorithm)
    first = [point for point in study.first if study.space.holds(point)]
    searcher = SEARCHES[request.algorithm].make(study.space, work.seed, first)
    loop = SearchLoop(searcher, study.decode, trials, EndPolicy(most=request.trials))
    loop.know(plan.recipe, trials.run("rule", plan.recipe, plan.recipe))
    tuning = request.tuning.longest(session, study.pace) if request.tuning and study.pace else None
    seconds = _tuning_seconds(study, tuning)
    boxing = request.boxing.seconds(session, study.pace) if request.boxing and study.pace else 0.0
    boxing = boxing if seconds + boxing < work.budget.remaining() else 0.0
    study.keep(seconds + boxing)
    outcome = loop.run()
    recipe, trained = of_best(study)
    better = tuned(session, trained, tuning) if tuning and 0 < seconds < work.budget.remaining() else None
    stage = None
    if request.boxing and 0 < boxing < work.budget.remaining():
        stage = boxed(session, better or trained, better is not None, request.boxing)
    return Searched(
        detector=finished(session, better or trained, stage),
        recipe=recipe,
        key=study.key(recipe),
        tuned=better is not None,
        stage=stage,
        trials=tuple(study.rows),
        outcome=outcome,
    )


def _tuning_seconds(study: DetectionStudy, plan: TuningPlan | None) -> float:
    """Return the time that tuning the upper part takes; 0 where it does not fit."""
    if plan is None or study.pace is None:
        return 0.0
    seconds = plan.seconds(study.session, study.pace)
    return seconds if seconds < study.session.work.budget.remaining() else 0.0
