"""Search spaces and a cheap problem for the tests of searchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from vm_worker.search.bayesian import BayesianSearcher
from vm_worker.search.evolution import EvolutionSearcher
from vm_worker.search.genetic import GeneticSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Choice, Point, Range, Space

SPACE = Space(
    (
        Choice("cut", ("shallow", "deep")),
        Range("rate", 1e-5, 1e-2, log=True),
        Choice("batch", (16, 32, 64)),
        Range("dropout", 0.0, 0.5),
        Choice("mirror", (True, False)),
    )
)

MAKERS: dict[str, Callable[[Space, int], Searcher]] = {
    "genetic": GeneticSearcher,
    "bayesian": BayesianSearcher,
    "random": RandomSearcher,
    "evolution": EvolutionSearcher,
}


def error(point: Point) -> float:
    """Return a smooth error between 0 and 1 with one best corner, in the place of a mean squared error."""
    rate, dropout = float(point["rate"]), float(point["dropout"])
    miss = (
        abs(rate - 3e-3) / 1e-2 + abs(dropout - 0.2) + 0.2 * (point["cut"] == "shallow") + 0.1 * (point["batch"] == 16)
    )
    return 0.05 + min(0.9, miss / 4)


def solved(points: Sequence[Point]) -> list[Outcome]:
    """Return the outcomes of these points, as a training would."""
    return [Outcome(error(point)) for point in points]


NAMES = st.text("abcdefgh", min_size=1, max_size=6)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Draw any small space."""
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    return Space(tuple(draw(st.one_of(_choices(name), _ranges(name))) for name in names))


def _choices(name: str) -> st.SearchStrategy[Choice]:
    values = st.one_of(st.integers(-5, 5), st.text(max_size=3), st.floats(0, 1))
    return st.lists(values, min_size=1, max_size=4, unique=True).map(lambda found: Choice(name, tuple(found)))


def _ranges(name: str) -> st.SearchStrategy[Range]:
    low, width = st.floats(1e-4, 1.0), st.floats(0.1, 10.0)
    return st.builds(lambda low, width, log: Range(name, low, low + width, log), low, width, st.booleans())
