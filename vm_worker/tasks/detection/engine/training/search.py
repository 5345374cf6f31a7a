"""Search the recipe of a detector by any of the product's search algorithms, and deliver the best trial's detector."""

from __future__ import annotations

from dataclasses import dataclass, field

from vm_worker.search.algorithms import SEARCHES
from vm_worker.search.loop import EndPolicy, SearchLoop
from vm_worker.search.trial_runner import Committed, TrialRunner
from vm_worker.tasks.detection.engine.engine import TrainedDetector, finished
from vm_worker.tasks.detection.engine.plan import EnginePlan
from vm_worker.tasks.detection.engine.training.course import Recipe
from vm_worker.tasks.detection.engine.training.session import Photos, Session, Workplace
from vm_worker.tasks.detection.engine.training.study import DetectionStudy, SessionExecutor, TrialFacts, of_best


@dataclass(frozen=True)
class SearchRequest:
    """How to search."""

    algorithm: str = "genetic"  # a key of SEARCHES
    trials: int | None = None  # at most, the plan's own recipe included; None: as many as fit the time
    committed: Committed = field(default_factory=Committed)  # what earlier attempts have found


@dataclass(frozen=True, eq=False)
class Searched:
    """The best detector, and all trials."""

    detector: TrainedDetector
    recipe: Recipe  # of the best trial
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
    outcome = loop.run()
    recipe, trained = of_best(study)
    return Searched(finished(session, trained), recipe, tuple(study.rows), outcome)
