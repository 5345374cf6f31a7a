"""The genetic search of Sobolevskii (2020): M parents, children by random crossover, survivors by roulette.

M random parents are tried. Each generation adds N_d children, whose parameters come at random from two
random parents, and N_r random points. Fitness is f = 1 / RMSE between the predicted probabilities and the
one-hot truth; p_i = f_i / sum f; M survivors are drawn by these p (or the M largest are taken: `top`).
It stops when the mean squared error falls below the goal. A generation that brings nothing new (no point that
is not known, or none that survives) makes it start over from fresh parents; after I restarts it reports "not
solvable within these settings", with the best found. The paper takes the error on the test set; here it is
that of validation data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.search.searcher import Outcome, checked
from vm_worker.search.space import Point, Space, crossed, identity

UNSOLVABLE = "not solvable within these settings"
PERFECT = 1e-12  # a mean squared error below this counts as this: fitness stays finite


@dataclass(frozen=True)
class Genetics:
    """The algorithm's settings, with the paper's names."""

    parents: int = 6  # M
    children: int = 6  # N_d, of a generation
    strangers: int = 2  # N_r, random points of a generation
    restarts: int = 3  # I
    goal: float = 0.0  # mean squared error below which the search is over; 0 = off
    top: bool = False  # the fittest survive, instead of a roulette

    def __post_init__(self) -> None:
        if self.parents < 2 or self.children < 0 or self.strangers < 0 or self.restarts < 0:
            raise ValueError(f"at least two parents, and nothing negative: {self}")
        if self.children + self.strangers == 0:
            raise ValueError("parents alone: a generation needs children or strangers")


@dataclass(frozen=True)
class Individual:
    """A point that was tried."""

    point: Point
    error: float  # mean squared error

    @property
    def fitness(self) -> float:
        """1 / RMSE."""
        return float(max(self.error, PERFECT) ** -0.5)


def chances(fitness: Sequence[float]) -> NDArray[np.float64]:
    """p_i = f_i / sum f."""
    values: NDArray[np.float64] = np.asarray(fitness, np.float64)
    shares: NDArray[np.float64] = values / values.sum()
    return shares


def roulette(fitness: Sequence[float], count: int, random: np.random.Generator) -> list[int]:
    """Which `count` survive: the wheel is turned until so many different ones were hit; fewer where there are fewer.

    A wheel turned again after a hit on the same one is a wheel without those already chosen.
    """
    left = list(range(len(fitness)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        hit = random.choice(len(left), p=chances([fitness[index] for index in left]))
        chosen.append(left.pop(int(hit)))
    return chosen


class GeneticSearcher:
    """One search. The seed alone decides what is asked, given the same outcomes."""

    def __init__(self, space: Space, seed: int, genetics: Genetics | None = None, first: Sequence[Point] = ()) -> None:
        """`first`: points among the first parents, such as a rule that has been tried already."""
        self._space = space
        self._genetics = genetics or Genetics()
        self._random = np.random.default_rng(seed)
        self._first = list(first)
        self._parents: list[Individual] = []
        self._known: set[object] = set()  # identities of all that was told
        self._batch: list[Point] = []
        self._restarts = 0
        self._stale = False  # the last generation brought nothing new
        self._best: Individual | None = None
        self._over = ""

    def ask(self) -> list[Point]:
        """The first parents, or a generation without what is known already. Empty: the search is over."""
        if self._over:
            return []
        if self._stale:
            self._start_over()
        else:
            self._batch = self._generation() if self._parents else self._fresh()
        while not self._batch and not self._over:
            self._start_over()
        return list(self._batch)

    def _fresh(self) -> list[Point]:
        """M parents that are new, with the given ones among the first."""
        drawn = [*self._first, *(self._space.draw(self._random) for _ in range(self._genetics.parents))]
        self._first = []
        return self._new(drawn)[: self._genetics.parents]

    def _generation(self) -> list[Point]:
        points = [parent.point for parent in self._parents]
        children = [self._child(points) for _ in range(self._genetics.children)]
        strangers = [self._space.draw(self._random) for _ in range(self._genetics.strangers)]
        return self._new([*children, *strangers])

    def _child(self, points: list[Point]) -> Point:
        if len(points) < 2:
            return points[0]
        pair = self._random.choice(len(points), 2, replace=False)
        return crossed([points[int(index)] for index in pair], self._space, self._random)

    def _new(self, points: Sequence[Point]) -> list[Point]:
        """Each point once, and none that has been asked for before."""
        unique = {identity(point): point for point in points}
        return [point for key, point in unique.items() if key not in self._known]

    def _start_over(self) -> None:
        """Fresh parents, or the end after so many restarts."""
        if self._restarts >= self._genetics.restarts:
            self._over, self._batch = UNSOLVABLE, []
            return
        self._restarts += 1
        self._stale = False
        self._parents = []
        self._batch = self._fresh()

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Survivors become the parents. Raises ValueError for a wrong number."""
        checked(len(self._batch), outcomes)
        brood = []
        for point, outcome in zip(self._batch, outcomes, strict=True):
            self._known.add(identity(point))
            if outcome.error is not None:
                brood.append(Individual(point, outcome.error))
        everybody = [*self._parents, *brood]
        survivors = self._survivors(everybody)
        self._stale = bool(self._parents) and not any(one in survivors for one in brood)
        self._parents = survivors
        self._remember(everybody)

    def _survivors(self, everybody: list[Individual]) -> list[Individual]:
        fitness = [one.fitness for one in everybody]
        if self._genetics.top:
            chosen = sorted(range(len(everybody)), key=lambda index: -fitness[index])[: self._genetics.parents]
        else:
            chosen = roulette(fitness, self._genetics.parents, self._random)
        return [everybody[index] for index in chosen]

    def _remember(self, everybody: list[Individual]) -> None:
        for one in everybody:
            if self._best is None or one.error < self._best.error:
                self._best = one
        if self._best is not None and self._best.error < self._genetics.goal:
            self._over = f"the goal of {self._genetics.goal:g} was reached"

    @property
    def outcome(self) -> str:
        """How it stands: the goal, "not solvable within these settings", or still going on."""
        found = f"; best mean squared error {self._best.error:.4f}" if self._best else ""
        return (self._over or "the search was still going on") + found
