"""A table of the search algorithms by name, each with its pruning rule."""

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

# A pruning rule. It takes the errors after each epoch of the completed trials, and those of the running trial so far;
# True: the running trial is given up.
Hopeless = Callable[[Sequence[Sequence[float]], Sequence[float]], bool]


@dataclass(frozen=True)
class Algorithm:
    """A search algorithm: how a searcher is made, and the rule that gives up a hopeless trial."""

    make: Callable[[Space, int, Sequence[Point]], Searcher]  # the space, a seed, points to begin with
    hopeless: Hopeless


SEARCHES: Mapping[str, Algorithm] = {
    "genetic": Algorithm(lambda space, seed, first: GeneticSearcher(space, seed, first=first), median.hopeless),
    "bayesian": Algorithm(BayesianSearcher, bayesian.hopeless),
    "random": Algorithm(lambda space, seed, first: RandomSearcher(space, seed), median.hopeless),
    "none": Algorithm(lambda space, seed, first: RuleSearcher([]), median.hopeless),
}
