"""The search algorithms by name: how each begins, and by which rule it gives up a trial early."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vm_worker.search import bayesian, median
from vm_worker.search.bayesian import BayesianSearcher
from vm_worker.search.genetic import GeneticSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.rule import RuleSearcher
from vm_worker.search.searcher import Searcher
from vm_worker.search.space import Point, Space

# Errors after each epoch of the completed trials, and of the running one so far; true: it is not worth going on.
Hopeless = Callable[[Sequence[Sequence[float]], Sequence[float]], bool]


@dataclass(frozen=True)
class Algorithm:
    """One way to search."""

    make: Callable[[Space, int, Sequence[Point]], Searcher]  # the space, a seed, points to begin with
    hopeless: Hopeless


SEARCHES: Mapping[str, Algorithm] = {
    "genetic": Algorithm(lambda space, seed, first: GeneticSearcher(space, seed, first=first), median.hopeless),
    "bayesian": Algorithm(BayesianSearcher, bayesian.hopeless),
    "random": Algorithm(lambda space, seed, first: RandomSearcher(space, seed), median.hopeless),
    "none": Algorithm(lambda space, seed, first: RuleSearcher([]), median.hopeless),
}
