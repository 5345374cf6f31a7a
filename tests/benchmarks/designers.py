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
import math
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
SEEDS_LEAST = 2
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
Bar = tuple[float, float]  # mean regret, from and to


def _at_most(*most: float) -> Mapping[int, Bar]:
    return {number: (0.0, one) for number, one in zip(TRIALS, most, strict=True)}


LUCK: Mapping[int, Bar] = {20: (0.46, 0.62), 50: (0.35, 0.48), 100: (0.27, 0.39), 200: (0.22, 0.31), 500: (0.15, 0.22)}
NO_BETTER: Mapping[int, Bar] = {number: LUCK[number] for number in (50, 100)}  # than random search
BARS: Mapping[str, Mapping[int, Bar]] = {  # on NAS-Bench-Macro, by number of trials
    "evolution": _at_most(0.60, 0.35, 0.22, 0.13, 0.11),
    "q_learning": _at_most(0.57, 0.35, 0.22, 0.14, 0.10),
    "controller": _at_most(0.52, 0.23, 0.15, 0.14, 0.13),
    # At 50 and 100 the best of all others by the first measurement of any.
    "surrogate": _at_most(0.60, 0.159, 0.104, 0.10, 0.10),
    "genetic": _at_most(0.56, 0.31, 0.21, 0.15, 0.12),
    "random": LUCK,
    "genetic, published": NO_BETTER,
    "q_learning, published": NO_BETTER,
    "controller, published": NO_BETTER,
}
NOISY = 2.0  # points of an error of judging, for which there are bars, too
NOISY_BARS: Mapping[str, Mapping[int, Bar]] = {
    "controller": {100: (0.0, 0.80)},
    "q_learning": {100: (0.0, 1.05)},
    "random": {100: (0.90, math.inf)},
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


def printed(name: str, values: NDArray[np.float64], trials: Sequence[int], bars: Mapping[int, Bar]) -> None:
    """Print mean and standard error of the regrets (seeds, trials), and the bars below them."""
    means, errors = values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))
    cells = (f"{mean:.3f} +- {error:.3f}" for mean, error in zip(means, errors, strict=True))
    print(f"\n{f'{len(values)} seeds':<24}" + "".join(f"{f'{number} trials':>18}" for number in trials))
    print(f"{name:<24}" + "".join(f"{cell:>18}" for cell in cells))
    if bars.keys() & set(trials):
        print(f"{'    bar':<24}" + "".join(f"{_bar(bars.get(number)):>18}" for number in trials), flush=True)


def _bar(bar: Bar | None) -> str:
    if bar is None:
        return "none"
    least, most = bar
    if math.isinf(most):
        return f"at least {least:.2f}"
    return f"{least:.2f} to {most:.2f}" if least else f"at most {most:.3f}"


TABLES: Mapping[str, Callable[[], Table]] = {"macro": macro, "201": bench_201}


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the tables of networks are not here")
@pytest.mark.parametrize("name", ["evolution", "genetic", "q_learning", "controller", "surrogate", "random"])
def test_designers(name: str) -> None:
    """Prints the regrets of 30 seeds; with four standard errors' grace they keep the bars."""
    trials = (20, 50, 100)
    found = regrets(macro(), name, 30, trials)
    printed(name, found, trials, BARS[name])
    grace = 4 * found.std(0) / np.sqrt(len(found))
    least, most = np.array([BARS[name][number] for number in trials]).T
    assert all(found.mean(0) <= most + grace) and all(found.mean(0) >= least - grace)


def _bars(table: str, noise: float) -> Mapping[str, Mapping[int, Bar]]:
    if table != "macro":
        return {}
    return NOISY_BARS if noise == NOISY else {} if noise else BARS


def main() -> None:
    """Print the regrets of the designers that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=list(TABLES), default="macro")
    parser.add_argument("--designers", nargs="+", choices=list(MAKERS), default=list(MAKERS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, nargs="+", default=list(TRIALS))
    parser.add_argument("--noise", type=float, default=0.0)
    wish = parser.parse_args()
    if wish.seeds < SEEDS_LEAST or min(wish.trials) < 1:
        parser.error(f"--seeds is at least {SEEDS_LEAST}, as there is no error of one, and each of --trials at least 1")
    if not FOLDER.is_dir():
        parser.error(f"there is no folder {FOLDER}; set MODELMAIL_ARCHITECTURES to that of the tables")
    table, bars = TABLES[wish.table](), _bars(wish.table, wish.noise)
    if max(wish.trials) > len(table.worth):
        parser.error(f"this table has {len(table.worth):,} networks; ask for no more trials than that")
    for one in wish.designers:
        found = regrets(table, one, wish.seeds, wish.trials, wish.noise)
        printed(one, found, wish.trials, bars.get(one, {}))


if __name__ == "__main__":
    main()
