"""Aging evolution (Real, Aggarwal, Huang, Le, AAAI 2019, arXiv 1802.01548, algorithm 1).

P random points are the first population. Then S of the population are drawn, the best of them is copied with one value
changed, and the oldest of the population dies. What once had luck in judging does not live for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from vm_worker.search.searcher import Outcome, Reticent, checked
from vm_worker.search.space import Choice, Plain, Point, Range, Space, identity

POPULATION = 10  # P
SAMPLE = 3  # S
DRAWS = 200  # tries to find a point that is new


class EvolutionSearcher(Reticent):
    """A searcher by aging evolution. It suggests one point at a time, none twice."""

    def __init__(self, space: Space, seed: int, population: int = POPULATION, sample: int = SAMPLE) -> None:
        """Begin a search. Raises ValueError where the sample is empty or larger than the population."""
        if not 1 <= sample <= population:
            raise ValueError(f"a sample of {sample} out of {population}")
        self._space, self._sample = space, sample
        self._random = np.random.default_rng(seed)
        self._population: deque[tuple[Point, float]] = deque(maxlen=population)  # the oldest first
        self._known: set[object] = set()
        self._asked: list[Point] = []
        self._parents: dict[object, Point] = {}

    def ask(self) -> list[Point]:
        """Suggest a point; none where nothing new is found."""
        self._asked = []
        for _ in range(DRAWS):
            point = self._propose()
            if identity(point) not in self._known:
                self._asked = [point]
                break
        return list(self._asked)

    def _propose(self) -> Point:
        if len(self._population) < (self._population.maxlen or 0):
            return self._space.draw(self._random)
        drawn = self._random.choice(len(self._population), self._sample, replace=False)
        parent = min((self._population[int(number)] for number in drawn), key=lambda one: one[1])[0]
        return mutated(parent, self._space, self._random)

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Let the point live in place of the oldest. Raises ValueError for a wrong number of outcomes."""
        checked(len(self._asked), outcomes)
        for point, outcome in zip(self._asked, outcomes, strict=True):
            self.inform(point, outcome)
        self._asked = []

    def inform(self, point: Point, outcome: Outcome) -> None:
        """Let a point live that somebody suggested."""
        self._known.add(identity(point))
        if outcome.error is not None:
            self._population.append((point, outcome.error))

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence."""
        return f"{len(self._known)} points were tried by evolution; the search was still going on"


def mutated(point: Point, space: Space, random: np.random.Generator) -> Point:
    """Return a copy in which one value, at random, is another."""
    free = [one for one in space.dimensions if isinstance(one, Range) or len(one.values) > 1]
    if not free:
        return point
    dimension = free[int(random.integers(len(free)))]
    return {**point, dimension.name: _other(dimension, point[dimension.name], random)}


def _other(dimension: Choice | Range, value: Plain, random: np.random.Generator) -> Plain:
    if isinstance(dimension, Range):
        return dimension.draw(random)
    others = [one for one in dimension.values if one != value or type(one) is not type(value)]
    return others[int(random.integers(len(others)))]
