"""A search by a surrogate of the trainings: Gaussian processes foretell each point from those that were tried.

Bayesian optimisation with expected improvement (Jones, Schonlau, Welch, Journal of Global Optimization 1998), averaged
over the processes that may be right (Snoek, Larochelle, Adams, NIPS 2012, section 3.2). The candidates are mutations of
the points that are expected to be best, as in BANANAS (White, Neiswanger, Savani, AAAI 2021, arXiv 1910.11858), and
random ones. What is best so far goes by the errors expected and not by those seen, so luck in judging is averaged away.
Errors far above the usual ones count as far above alike: how bad a bad point is says nothing about good ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.search.gaussian_process import ALL, Floats, Forecast, Processes
from vm_worker.search.places import Places, Row
from vm_worker.search.searcher import Outcome, Reticent, checked
from vm_worker.search.space import Point, Space

GOOD = 0.1  # the share of the points tried whose distance from the median is the measure of what is far above it
FAR = 2.0  # times that distance
TAIL = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)


@dataclass(frozen=True)
class Asking:
    """The settings of the search."""

    start: int = 10  # random points to begin with
    refit: int = 8  # trials after which all kernels and noises may be right again
    parents: int = 5  # of the candidates
    mutations: int = 200  # candidates
    drawn: int = 50  # random candidates


class SurrogateSearcher(Reticent):
    """A searcher by a Gaussian process. It suggests one point at a time, none twice."""

    def __init__(self, space: Space, seed: int, asking: Asking | None = None) -> None:
        """Begin a search. Raises ValueError for a space with ranges."""
        self._places, self._asking = Places(space), asking or Asking()
        self._random = np.random.default_rng(seed)
        self._known: dict[Row, float | None] = {}  # error; None: not tried
        self._asked: Row | None = None
        self._assumptions, self._fitted = ALL, 0  # that may be right; points after which all of them might

    def ask(self) -> list[Point]:
        """Suggest a point: of the candidates the one that is expected to improve most on the best."""
        tried = self._tried()
        if len(tried) < self._asking.start:
            self._asked = self._places.new(self._known, lambda: self._places.draw(self._random))
        else:
            self._asked = self._promising(self._processes(tried), list(tried))
        return [] if self._asked is None else [self._places.point(self._asked)]

    def _tried(self) -> dict[Row, float]:
        return {row: error for row, error in self._known.items() if error is not None}

    def _processes(self, tried: Mapping[Row, float]) -> Processes:
        """Return the processes of the points tried: now and then by all kernels and noises, else by the likely ones."""
        if anew := not self._fitted or len(tried) >= self._fitted + self._asking.refit:
            self._assumptions, self._fitted = ALL, len(tried)
        errors = _clipped(np.array(list(tried.values())))
        processes = Processes(self._places.sizes, np.array(list(tried)), errors, self._assumptions)
        if anew:
            self._assumptions = processes.assumptions
        return processes

    def _promising(self, processes: Processes, tried: Sequence[Row]) -> Row | None:
        order = processes.expected(np.array(tried)).argsort(kind="stable")
        parents = [tried[int(number)] for number in order[: self._asking.parents]]
        candidates = self._candidates(parents)
        if not candidates:
            return self._places.near(parents[0], self._known, self._random)
        forecasts = processes.forecasts(np.array([*tried, *candidates]))
        gains = np.sum([one.weight * improvement(one, len(tried)) for one in forecasts], axis=0)
        return candidates[int(gains.argmax())]

    def _candidates(self, parents: Sequence[Row]) -> list[Row]:
        """Return new rows: random ones, and the parents with one value drawn again, or with an even chance more."""
        asking, random, sizes = self._asking, self._random, np.array(self._places.sizes)
        rows = np.array(parents)[random.integers(len(parents), size=asking.mutations)]
        changes = random.geometric(0.5, size=len(rows))
        for change in range(int(changes.max())):
            which = np.flatnonzero(changes > change)
            places = random.integers(len(sizes), size=len(which))
            rows[which, places] = random.integers(0, sizes[places])
        drawn = random.integers(0, sizes, size=(asking.drawn, len(sizes)))
        return [row for row in dict.fromkeys(map(tuple, [*rows.tolist(), *drawn.tolist()])) if row not in self._known]

    def expected(self, points: Sequence[Point]) -> Floats:
        """Return the error (m,) that is expected of each point, luck in judging averaged away.

        Raises ValueError where nothing was tried.
        """
        tried = self._tried()
        if not tried:
            raise ValueError("nothing was tried, so nothing can be foretold")
        return self._processes(tried).expected(np.array([self._places.row(point) for point in points]))

    def inform(self, point: Point, outcome: Outcome) -> None:
        """Learn from a point that somebody else suggested."""
        self._known[self._places.row(point)] = outcome.error

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Learn from the outcome. Raises ValueError for a wrong number of outcomes."""
        checked(0 if self._asked is None else 1, outcomes)
        if self._asked is not None:
            self._known[self._asked] = outcomes[0].error
        self._asked = None

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence."""
        return f"{len(self._known)} points were tried by the surrogate; the search was still going on"


def improvement(forecast: Forecast, tried: int) -> Floats:
    """Return by how much each point after the first ones, which were tried, is expected to lie below the best of these.

    What lies above it improves nothing.
    """
    mean, deviation = forecast.mean[tried:], forecast.deviation[tried:]
    below = (forecast.mean[:tried].min() - mean) / deviation
    density = np.exp(-0.5 * below**2) / math.sqrt(2 * math.pi)
    # The share of a normal distribution below it: Abramowitz and Stegun (1964), 26.2.17, off by 1e-7 at most.
    t = 1 / (1 + 0.2316419 * np.abs(below))
    tail = density * t * np.polynomial.polynomial.polyval(t, TAIL)
    share = np.where(below < 0, tail, 1 - tail)
    return np.asarray(deviation * np.maximum(below * share + density, 0), np.float64)


def _clipped(errors: Floats) -> Floats:
    """Return errors, those that are far above the median brought down to that."""
    middle = float(np.median(errors))
    return np.minimum(errors, middle + FAR * (middle - float(np.quantile(errors, GOOD))))
