"""Search the recipe of a detector by any of the product's search algorithms, and deliver the best trial's detector."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from vm_worker.learn.budget import Budget
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

NOT_STARTED = "%s was not started: it takes %.0f s, and %.0f s are left"  # a line of the job's log

log = logging.getLogger(__name__)


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
    step, budget = study.pace or math.inf, work.budget
    tuning = request.tuning.longest(session, step) if request.tuning and study.pace else None
    seconds = tuning.seconds(session, step) if tuning else 0.0
    boxing = request.boxing.seconds(session, step) if request.boxing else 0.0
    study.keep(kept_of((seconds, boxing), budget.remaining()))
    outcome = loop.run()
    if study.refused:
        log.info(NOT_STARTED, "another trial", *study.refused)
    recipe, trained = of_best(study)
    better = stage = None
    if tuning and enough("tuning the upper part", seconds, budget):
        with timed("tuning the upper part", seconds):
            better = tuned(session, trained, tuning)
    if request.boxing and enough("a second stage", boxing, budget):
        with timed("a second stage", boxing):
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


@contextmanager
def timed(what: str, expected: float) -> Iterator[None]:
    """Write into the job's log how long this took, and how long it was expected to take, in seconds."""
    began = time.monotonic()
    yield
    log.info("%s took %.0f s, and %.0f s were expected", what, time.monotonic() - began, expected)


def kept_of(wanted: Sequence[float], left: float) -> float:
    """Return the seconds that a search leaves to what follows it, of `left`: to each that fits behind the others."""
    kept = 0.0
    for seconds in wanted:
        kept += seconds if kept + seconds < left else 0.0
    return kept


def enough(what: str, wanted: float, budget: Budget) -> bool:
    """Return whether there are more seconds left than are wanted; where not, say so in the job's log."""
    left = budget.remaining()
    if wanted < left:
        return True
    if math.isinf(wanted):
        log.info("%s was not started: it needs more memory than there is", what)
    else:
        log.info(NOT_STARTED, what, wanted, left)
    return False
