"""The genetic search of Sobolevskii (2020): parents, children by random crossover, survivors by roulette.

M random parents are tried. Each generation adds N_d children, whose parameters come at random from two random
parents, and N_r random points. Fitness is f = 1 / RMSE between the predicted probabilities and the one-hot truth. The
M survivors are drawn with the chances p_i = f_i / sum f, or the M fittest are taken (`top`). The search stops when
the mean squared error falls below the goal. It starts over from fresh parents when a generation has no new point, or
when none of its points survives. After I restarts it reports "not solvable within these settings", with the best point
found. The paper takes the error on the test set; here it is the error on the validation photos.

`PUBLISHED` has the paper's settings. With them the search hardly does better than chance where errors are alike: the
roulette hardly selects, and no value is ever new. By default the fittest survive, and values mutate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.search.searcher import Outcome, checked
from vm_worker.search.space import Point, Space, crossed, identity

UNSOLVABLE = "not solvable within these settings"
PERFECT = 1e-12  # least mean squared error that is reckoned with: fitness stays finite


@dataclass(frozen=True)
class Genetics:
    """The algorithm's settings, with the paper's names. Raises ValueError for settings that make no search."""

    parents: int = 6  # M
    children: int = 6  # N_d, in a generation
    strangers: int = 2  # N_r, random points in a generation
    restarts: int = 100  # I
    goal: float = 0.0  # mean squared error below which the search ends; 0: off
    top: bool = True  # True: the fittest survive; False: a roulette decides
    mutation: float = 0.2  # chance of each value of a child to be drawn again

    def __post_init__(self) -> None:
        if self.parents < 2 or self.children < 0 or self.strangers < 0 or self.restarts < 0:
            raise ValueError(f"at least two parents, and nothing negative: {self}")
        if self.children + self.strangers == 0:
            raise ValueError("parents alone: a generation needs children or strangers")
        if not 0 <= self.mutation <= 1:
            raise ValueError(f"a mutation of {self.mutation} is no chance: parents pass on from 0 to 1")


PUBLISHED = Genetics(restarts=3, top=False, mutation=0.0)


@dataclass(frozen=True)
class Individual:
    """A point that was tried, and its error."""

    point: Point
    error: float  # mean squared error

    @property
    def fitness(self) -> float:
        """The fitness 1 / RMSE."""
        return float(max(self.error, PERFECT) ** -0.5)


def chances(fitness: Sequence[float]) -> NDArray[np.float64]:
    """Return each one's chance p_i = f_i / sum f, (n,)."""
    values: NDArray[np.float64] = np.asarray(fitness, np.float64)
    shares: NDArray[np.float64] = values / values.sum()
    return shares


def roulette(fitness: Sequence[float], count: int, random: np.random.Generator) -> list[int]:
    """Draw `count` different survivors, by index, with chances in proportion to fitness; fewer where there are fewer.

    The paper turns a roulette wheel again when it hits one that is already chosen. That is the same as a wheel without
    those already chosen.
    """
    left = list(range(len(fitness)))
    chosen: list[int] = []
    while left and len(chosen) < count:
        hit = random.choice(len(left), p=chances([fitness[index] for index in left]))
        chosen.append(left.pop(int(hit)))
    return chosen


class GeneticSearcher:
    """A searcher by the genetic algorithm. With equal outcomes, its suggestions depend on the seed alone."""

    def __init__(self, space: Space, seed: int, genetics: Genetics | None = None, first: Sequence[Point] = ()) -> None:
        """Begin a search. `first` are points among the first parents, such as a rule that has been tried already."""
        self._space = space
        self._genetics = genetics or Genetics()
        self._random = np.random.default_rng(seed)
        self._first = list(first)
        self._parents: list[Individual] = []
        self._known: set[object] = set()  # identities of all points with an outcome
        self._batch: list[Point] = []
        self._restarts = 0
        self._stale = False  # no point of the last generation survived
        self._best: Individual | None = None
        self._over = ""

    def ask(self) -> list[Point]:
        """Suggest the first parents, or a generation without points that are known. Empty: the search is over."""
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
        """Draw M parents that are new, with the given points among the first."""
        drawn = [*self._first, *(self._space.draw(self._random) for _ in range(self._genetics.parents))]
        self._first = []
        return self._new(drawn)[: self._genetics.parents]

    def _generation(self) -> list[Point]:
        points = [parent.point for parent in self._parents]
        children = [self._child(points) for _ in range(self._genetics.children)]
        strangers = [self._space.draw(self._random) for _ in range(self._genetics.strangers)]
        return self._new([*children, *strangers])

    def _child(self, points: list[Point]) -> Point:
        child = points[0]
        if len(points) > 1:
            pair = self._random.choice(len(points), 2, replace=False)
            child = crossed([points[int(index)] for index in pair], self._space, self._random)
        return self._mutated(child) if self._genetics.mutation else child

    def _mutated(self, child: Point) -> Point:
        changes = self._random.random(len(child)) < self._genetics.mutation
        drawn = self._space.draw(self._random)
        return {name: drawn[name] if changed else child[name] for name, changed in zip(drawn, changes, strict=True)}

    def _new(self, points: Sequence[Point]) -> list[Point]:
        """Return each point once, and none whose outcome is known."""
        unique = {identity(point): point for point in points}
        return [point for key, point in unique.items() if key not in self._known]

    def _start_over(self) -> None:
        """Begin with fresh parents, or end the search after so many restarts."""
        if self._restarts >= self._genetics.restarts:
            self._over, self._batch = UNSOLVABLE, []
            return
        self._restarts += 1
        self._stale = False
        self._parents = []
        self._batch = self._fresh()

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Make the survivors the parents. Raises ValueError for a wrong number of outcomes."""
        checked(len(self._batch), outcomes)
        tried = []
        for point, outcome in zip(self._batch, outcomes, strict=True):
            self._known.add(identity(point))
            if outcome.error is not None:
                tried.append(Individual(point, outcome.error))
        population = [*self._parents, *tried]
        survivors = self._survivors(population)
        self._stale = bool(self._parents) and not any(one in survivors for one in tried)
        self._parents = survivors
        self._remember(population)

    def _survivors(self, population: list[Individual]) -> list[Individual]:
        fitness = [one.fitness for one in population]
        if self._genetics.top:
            chosen = sorted(range(len(population)), key=lambda index: -fitness[index])[: self._genetics.parents]
        else:
            chosen = roulette(fitness, self._genetics.parents, self._random)
        return [population[index] for index in chosen]

    def _remember(self, population: list[Individual]) -> None:
        for one in population:
            if self._best is None or one.error < self._best.error:
                self._best = one
        if self._best is not None and self._best.error < self._genetics.goal:
            self._over = f"the goal of {self._genetics.goal:g} was reached"

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence: goal reached, not solvable within these settings, or going on."""
        found = f"; best mean squared error {self._best.error:.4f}" if self._best else ""
        return (self._over or "the search was still going on") + found
