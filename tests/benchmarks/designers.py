"""Designers on tables of networks that others have trained: how far from the best network each has come.

    python -m tests.benchmarks.designers --seeds 100 --trials 20 50 100

The regret is in percentage points: the accuracy of the best network of the table, less that of the network that looked
best to the search. Only networks that are new to the search count as a trial. In NAS-Bench-Macro (6,561 texts, 3,969
networks, CIFAR-10) a search sees one of three trainings, and the regret is of their mean. In NAS-Bench-201 (15,625
networks) it sees the accuracy on validation pictures after 12 epochs, and the regret is of the test pictures. `--noise`
adds an error of judging, in points. Of `forecast` the network counts of which the surrogate expects most, not the one
that looked best. Of `half` every second network is drawn at random, as in a job, and the designer is told of it. The
tables are read from MODELMAIL_ARCHITECTURES; the tests skip without them.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.search import controller, designers, genetic, q_learning
from vm_worker.search.controller import ControllerSearcher
from vm_worker.search.designers import DESIGNERS
from vm_worker.search.genetic import GeneticSearcher
from vm_worker.search.half_random import HalfRandomSearcher
from vm_worker.search.q_learning import QLearningSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Choice, Point, Space
from vm_worker.search.surrogate import SurrogateSearcher

SHARED = Path(__file__).parents[2] / ".." / "shared" / "datasets" / "architectures"
FOLDER = Path(os.environ.get("MODELMAIL_ARCHITECTURES", SHARED))
TRIALS = (20, 50, 100, 200, 500)
OTHER = 10_000  # what the seed of the random half is greater by
FORECAST = "surrogate, forecast"
PATIENCE = 3000  # batches without a new network, after which a search is over

Maker = Callable[[Space, int, int], Searcher]


def beside(make: designers.Maker) -> Maker:
    """Return a designer beside random search, as a job has it."""
    return lambda space, seed, planned: HalfRandomSearcher(
        make(space, seed, planned), RandomSearcher(space, seed + OTHER)
    )


FEW: Mapping[str, Maker] = {
    **DESIGNERS,
    "genetic": lambda space, seed, planned: GeneticSearcher(space, seed),
    "genetic, published": lambda space, seed, planned: GeneticSearcher(space, seed, genetic.PUBLISHED),
    "q_learning, published": lambda space, seed, planned: QLearningSearcher(space, seed, planned, q_learning.PUBLISHED),
    FORECAST: DESIGNERS["surrogate"],
    "controller, published": lambda space, seed, planned: ControllerSearcher(space, seed, controller.PUBLISHED),
}
MAKERS: Mapping[str, Maker] = {
    **FEW,
    **{f"{name}, half": beside(DESIGNERS[name]) for name in DESIGNERS if name != "random"},
}
PLANS = {"q_learning", "q_learning, published", "q_learning, half"}  # another search for each number of trials
BARS: Mapping[str, Sequence[float]] = {  # mean regret on NAS-Bench-Macro, at most
    "evolution": (0.60, 0.35, 0.22, 0.13, 0.11),
    "q_learning": (0.57, 0.35, 0.22, 0.14, 0.10),
    "controller": (0.52, 0.23, 0.15, 0.14, 0.13),
    "surrogate": (
        0.60,
        0.159,
        0.104,
        0.10,
        0.10,
    ),  # at 50 and 100 the best of all others by the notes' first measurement
    "genetic": (0.56, 0.31, 0.21, 0.15, 0.12),
    "random": (0.62, 0.48, 0.39, 0.31, 0.22),
}


@dataclass(frozen=True)
class Table:
    """Trained networks: which there are, what a search may see of each, and what each is worth."""

    space: Space
    networks: Mapping[str, str]  # text -> the network it stands for
    seen: Mapping[str, Sequence[float]]  # %, one is drawn
    worth: Mapping[str, float]  # %

    def network(self, point: Point) -> str:
        """Return the network that a point stands for."""
        return self.networks["".join(str(value) for value in point.values())]


def macro() -> Table:
    """Return NAS-Bench-Macro (Su et al., CVPR 2021): three operations at each of eight places."""
    rows = _rows("nas_bench_macro_cifar10.csv")
    seen = {row["canonical"]: [float(row[f"accuracy_{number}"]) for number in (1, 2, 3)] for row in rows}
    worth = {name: sum(three) / 3 for name, three in seen.items()}
    return Table(_space(8, "012"), {row["architecture"]: row["canonical"] for row in rows}, seen, worth)


def bench_201() -> Table:
    """Return NAS-Bench-201 (Dong and Yang, ICLR 2020) after 12 epochs: five operations at each of six places."""
    rows = {row["architecture"]: row for row in _rows("nas_bench_201.csv")}
    seen = {name: [float(row["cifar10_valid"])] for name, row in rows.items()}
    worth = {name: float(row["cifar10_test"]) for name, row in rows.items()}
    return Table(_space(6, "01234"), {name: name for name in rows}, seen, worth)


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _space(places: int, values: str) -> Space:
    return Space(tuple(Choice(f"g{place}", tuple(values)) for place in range(places)))


@dataclass
class _Trial:
    """What one search has seen of a table."""

    table: Table
    noise: float
    random: np.random.Generator

    def regrets(self, make: Maker, seed: int, trials: Sequence[int], by_forecast: bool = False) -> list[float]:
        """Return the regret after so many trials: of what looked best, or of what the surrogate expects most of."""
        searcher, best = make(self.table.space, seed, max(trials)), max(self.table.worth.values())
        known: dict[str, float] = {}
        points: dict[str, Point] = {}
        after: list[str] = []  # what looked best, after each trial
        foretold: dict[int, str] = {}  # what the surrogate expects most of, after so many trials
        idle = 0
        while len(known) < max(trials) and idle < PATIENCE and (batch := searcher.ask()):
            before = len(known)
            named = [(self.table.network(point), point) for point in batch]
            for name, point in named:
                if name not in known:
                    known[name], points[name] = self._judged(name), point
                    after.append(name if not after or known[name] > known[after[-1]] else after[-1])
            searcher.tell([Outcome(1 - known[name] / 100) for name, _ in named])
            idle = idle + 1 if len(known) == before else 0
            if by_forecast and len(known) in trials:
                foretold[len(known)] = _foretold(searcher, points)
        last = [foretold.get(number, after[min(number, len(after)) - 1]) for number in trials]
        return [best - self.table.worth[name] for name in last]

    def _judged(self, name: str) -> float:
        seen = self.table.seen[name]
        return seen[int(self.random.integers(len(seen)))] + self.noise * self.random.normal()


def _foretold(searcher: Searcher, points: Mapping[str, Point]) -> str:
    """Return the network, of those tried, of which the surrogate expects most."""
    assert isinstance(searcher, SurrogateSearcher)
    return list(points)[int(searcher.expected(list(points.values())).argmin())]


def regrets(table: Table, name: str, seeds: int, trials: Sequence[int], noise: float = 0.0) -> NDArray[np.float64]:
    """Return the regrets of a designer, (seeds, trials)."""
    groups = [[number] for number in trials] if name in PLANS else [list(trials)]
    return np.array(
        [
            [
                regret
                for group in groups
                for regret in _Trial(table, noise, np.random.default_rng([seed, 1])).regrets(
                    MAKERS[name], seed, group, name == FORECAST
                )
            ]
            for seed in range(seeds)
        ]
    )


def printed(found: Mapping[str, NDArray[np.float64]], trials: Sequence[int], bars: bool) -> None:
    """Print mean and standard error, and the bars below them."""
    print(f"\n{'designer':<24}" + "".join(f"{f'{number} trials':>18}" for number in trials))
    for name, values in found.items():
        means, errors = values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))
        cells = (f"{mean:.3f} +- {error:.3f}" for mean, error in zip(means, errors, strict=True))
        print(f"{name:<24}" + "".join(f"{cell:>18}" for cell in cells))
        if bars and name in BARS:
            most = dict(zip(TRIALS, BARS[name], strict=True))
            print(f"{'    at most':<24}" + "".join(f"{most.get(number, float('nan')):>18.2f}" for number in trials))


TABLES: Mapping[str, Callable[[], Table]] = {"macro": macro, "201": bench_201}


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the tables of networks are not here")
@pytest.mark.parametrize("name", ["evolution", "genetic", "q_learning", "controller", "surrogate", "random"])
def test_designers(name: str) -> None:
    """Prints the regrets of 30 seeds; with four standard errors' grace they keep the bars."""
    trials = (20, 50, 100)
    found = regrets(macro(), name, 30, trials)
    printed({name: found}, trials, bars=True)
    grace = 4 * found.std(0) / np.sqrt(len(found))
    assert all(found.mean(0) <= np.array(BARS[name][:3]) + grace)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=list(TABLES), default="macro")
    parser.add_argument("--designers", nargs="+", choices=list(MAKERS), default=list(MAKERS))
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, nargs="+", default=list(TRIALS))
    parser.add_argument("--noise", type=float, default=0.0)
    wish = parser.parse_args()
    table = TABLES[wish.table]()
    for one in wish.designers:
        shown = {one: regrets(table, one, wish.seeds, wish.trials, wish.noise)}
        printed(shown, wish.trials, bars=wish.table == "macro" and not wish.noise)
