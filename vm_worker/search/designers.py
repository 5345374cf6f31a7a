"""A table of the searches that design networks, by name. Each takes a space of choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vm_worker.search.bayesian import BayesianSearcher
from vm_worker.search.controller import ControllerSearcher
from vm_worker.search.evolution import EvolutionSearcher
from vm_worker.search.q_learning import QLearningSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.searcher import Designer
from vm_worker.search.space import Space
from vm_worker.search.surrogate import SurrogateSearcher

# The space, a seed, and how many trials are planned.
Maker = Callable[[Space, int, int], Designer]

DESIGNERS: Mapping[str, Maker] = {
    "controller": lambda space, seed, planned: ControllerSearcher(space, seed),
    "q_learning": QLearningSearcher,
    "evolution": lambda space, seed, planned: EvolutionSearcher(space, seed),
    "surrogate": lambda space, seed, planned: SurrogateSearcher(space, seed),
    "bayesian": lambda space, seed, planned: BayesianSearcher(space, seed),
    "random": lambda space, seed, planned: RandomSearcher(space, seed),
}
