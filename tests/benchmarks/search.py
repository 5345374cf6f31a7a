"""Genetic, bayesian and random search at equal cost: what each has found after so many trials.

    python -m tests.benchmarks.search --seeds 30

The problem is real but small: a network of one hidden layer on few of scikit-learn's digits, over the dimensions
that tuning has. REAL trials of random settings are run; a forest of regression trees learns their validation error
and answers for them, so that many searches can be compared. The table shows how far above the best known error the
best setting found lies, in % of the way from there to the median of random settings: 0 is as good as any.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesRegressor

from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.tune.fine_tuning import space
from vm_worker.search.bayesian import BayesianSearcher
from vm_worker.search.genetic import PUBLISHED, Genetics, GeneticSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Choice, Point, Space

REAL = 250  # trials
TRAIN, VALIDATION = 200, 100  # digits
HIDDEN = 64
COSTS = (6, 12, 24, 48)  # trials
Floats = NDArray[np.float64]

MAKERS: Mapping[str, Callable[[Space, int], Searcher]] = {
    "genetic": lambda where, seed: GeneticSearcher(where, seed),
    "genetic, fittest": lambda where, seed: GeneticSearcher(where, seed, Genetics(restarts=3, mutation=0.0)),
    "genetic, published": lambda where, seed: GeneticSearcher(where, seed, PUBLISHED),
    "bayesian": lambda where, seed: BayesianSearcher(where, seed),
    "random": lambda where, seed: RandomSearcher(where, seed),
}


@dataclass(frozen=True)
class Photos:
    """Few digits to learn from, some to judge by."""

    x: Floats  # (n, 64)
    y: NDArray[np.int64]
    judged_x: Floats
    judged_y: NDArray[np.int64]


def photos() -> Photos:
    """The same ones in every run."""
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    learnt, judged = order[:TRAIN], order[TRAIN : TRAIN + VALIDATION]
    x = found.data / 16
    return Photos(x[learnt], found.target[learnt], x[judged], found.target[judged])


def trial(photos: Photos, point: Mapping[str, Any], deep: bool) -> float:
    """Train by Adam with decoupled decay; the mean squared error on the judged digits."""
    random = np.random.default_rng(0)
    weights = [random.normal(0, 0.2, (64, HIDDEN)), random.normal(0, 0.1, (HIDDEN, 10))]
    moments = [(np.zeros_like(one), np.zeros_like(one)) for one in weights]
    truth = np.eye(10)[photos.y] * (1 - point["smoothing"]) + point["smoothing"] / 10
    step, rate = 0, 10 * point["rate"]
    for _ in range(point["epochs"]):
        for start in range(0, TRAIN - point["batch"] + 1, point["batch"]):
            if start == 0:
                order = random.permutation(TRAIN)
            rows = order[start : start + point["batch"]]
            x, y = _augmented(photos.x[rows], truth[rows], point["augmentation"], random)
            step += 1
            for number, gradient in _gradients(weights, x, y, point["dropout"], random):
                if number == 0 and not deep:
                    continue
                first, second = moments[number]
                first += 0.1 * (gradient - first)
                second += 0.001 * (gradient**2 - second)
                change = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-7)
                weights[number] -= rate * (change + point["decay"] * weights[number])
    said = _said(weights, photos.judged_x)[1]
    return float(np.mean((said - np.eye(10)[photos.judged_y]) ** 2))


def _augmented(x: Floats, y: Floats, kind: str, random: np.random.Generator) -> tuple[Floats, Floats]:
    """As tuning's: nothing; pictures shifted by up to a pixel; and two laid over each other."""
    if kind == "none":
        return x, y
    squares = x.reshape(-1, 8, 8)
    shifts = random.integers(-1, 2, (len(x), 2))
    x = np.stack([np.roll(one, tuple(by), (0, 1)) for one, by in zip(squares, shifts, strict=True)]).reshape(-1, 64)
    if kind == "views":
        return x, y
    share, other = random.beta(0.2, 0.2, (len(x), 1)), random.permutation(len(x))
    return share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]


def _said(weights: list[Floats], x: Floats) -> tuple[Floats, Floats]:
    hidden = np.maximum(x @ weights[0], 0)
    logits = hidden @ weights[1]
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    return hidden, exponents / exponents.sum(1, keepdims=True)


def _gradients(
    weights: list[Floats], x: Floats, y: Floats, dropout: float, random: np.random.Generator
) -> list[tuple[int, Floats]]:
    hidden = np.maximum(x @ weights[0], 0)
    mask = (random.random(hidden.shape) >= dropout) / (1 - dropout)
    logits = (hidden * mask) @ weights[1]
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    error = (exponents / exponents.sum(1, keepdims=True) - y) / len(x)
    behind = (error @ weights[1].T) * mask * (hidden > 0)
    return [(0, x.T @ behind), (1, (hidden * mask).T @ error)]


class Surrogate:
    """Answers for real trials."""

    def __init__(self, where: Space, real: int) -> None:
        self._where = where
        random, few = np.random.default_rng(1), photos()
        cuts = next(one for one in where.dimensions if one.name == "cut")
        assert isinstance(cuts, Choice)
        points = [where.draw(random) for _ in range(real)]
        errors = np.array([trial(few, point, point["cut"] != cuts.values[0]) for point in points])
        self._forest = ExtraTreesRegressor(300, min_samples_leaf=2, random_state=0)
        self._forest.fit([self._row(point) for point in points], np.log(errors))
        known = self.errors([where.draw(random) for _ in range(4000)])
        self.best, self.median = float(known.min()), float(np.median(known))

    def errors(self, points: list[Point]) -> Floats:
        """Of each point."""
        found: Floats = np.exp(self._forest.predict([self._row(point) for point in points]))
        return found

    def _row(self, point: Point) -> list[float]:
        row: list[float] = []
        for one in self._where.dimensions:
            value = point[one.name]
            if not isinstance(one, Choice):
                row.append(float(np.log(float(value))))
            elif isinstance(value, str):
                row += [float(value == other) for other in one.values]
            else:
                row.append(float(value))
        return row


def regrets(surrogate: Surrogate, searcher: Searcher) -> list[float]:
    """After each number of trials of COSTS: how far the best one is from the best known, 0 to 1."""
    found: list[float] = []
    while len(found) < COSTS[-1] and (batch := searcher.ask()):
        errors = surrogate.errors(batch)
        found += list(errors)
        searcher.tell([Outcome(float(error)) for error in errors])
    low, width = surrogate.best, surrogate.median - surrogate.best
    return [max(0.0, min(found[:cost]) - low) / width for cost in COSTS]


def table(seeds: int, real: int) -> dict[str, NDArray[np.float64]]:
    """(seeds, costs) of each algorithm."""
    where = space(CATALOGUE["efficientnet_lite0"], 8, 40)
    surrogate = Surrogate(where, real)
    return {
        name: np.array([regrets(surrogate, make(where, seed)) for seed in range(seeds)])
        for name, make in MAKERS.items()
    }


def printed(rows: Mapping[str, NDArray[np.float64]]) -> None:
    """Mean and standard error in %."""
    print(f"\n{'search':<20}" + "".join(f"{f'{cost} trials':>16}" for cost in COSTS))
    for name, values in rows.items():
        means, errors = 100 * values.mean(0), 100 * values.std(0) / np.sqrt(len(values))
        cells = "".join(f"{f'{mean:.1f} +- {error:.1f}':>16}" for mean, error in zip(means, errors, strict=True))
        print(f"{name:<20}{cells}")


def test_search() -> None:
    """Prints the table; every search must do better with more trials."""
    rows = table(seeds=10, real=REAL)
    printed(rows)
    assert all(values.mean(0)[-1] < values.mean(0)[0] for values in rows.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--real", type=int, default=REAL)
    arguments = parser.parse_args()
    printed(table(arguments.seeds, arguments.real))
