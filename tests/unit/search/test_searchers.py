"""Every searcher suggests legal points in whole batches, repeats itself with the same seed, and makes progress."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.search.spaces import MAKERS, SPACE, error, solved, spaces
from vm_worker.search import bayesian, median
from vm_worker.search.bayesian import BayesianSearcher
from vm_worker.search.genetic import Genetics, GeneticSearcher
from vm_worker.search.random import RandomSearcher
from vm_worker.search.rule import RuleSearcher
from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Choice, Point, Range, Space, identity

every = pytest.mark.parametrize("name", MAKERS)


def run(searcher: Searcher, batches: int) -> list[Point]:
    asked: list[Point] = []
    for _ in range(batches):
        batch = searcher.ask()
        asked += batch
        searcher.tell(solved(batch))
    return asked


@every
@settings(max_examples=15, deadline=None)
@given(space=spaces(), seed=st.integers(0, 2**31 - 1))
def test_every_point_is_legal(name: str, space: Space, seed: int) -> None:
    searcher = MAKERS[name](space, seed)
    for _ in range(3):
        batch = searcher.ask()
        assert all(space.holds(point) for point in batch)
        searcher.tell([Outcome(0.1 + 0.01 * number) for number in range(len(batch))])


@every
def test_the_same_seed_suggests_the_same(name: str) -> None:
    one, other, another = (run(MAKERS[name](SPACE, seed), 5) for seed in (7, 7, 8))
    assert [identity(point) for point in one] == [identity(point) for point in other]
    assert [identity(point) for point in one] != [identity(point) for point in another]


@every
def test_a_replayed_search_goes_on_as_the_first_would_have(name: str) -> None:
    """Check that a restarted job, which tells the committed outcomes again, goes on with the same points."""
    whole, again = MAKERS[name](SPACE, 3), MAKERS[name](SPACE, 3)
    run(whole, 2), run(again, 2)
    assert [identity(point) for point in run(whole, 2)] == [identity(point) for point in run(again, 2)]


@every
def test_a_wrong_number_of_outcomes_is_refused(name: str) -> None:
    searcher = MAKERS[name](SPACE, 0)
    batch = searcher.ask()
    with pytest.raises(ValueError, match="asked for"):
        searcher.tell(solved(batch)[1:])


@every
def test_points_that_were_not_tried_do_no_harm(name: str) -> None:
    searcher = MAKERS[name](SPACE, 0)
    for _ in range(3):
        batch = searcher.ask()
        searcher.tell([Outcome(None) if number % 2 else Outcome(0.3) for number in range(len(batch))])
    assert searcher.outcome


@every
def test_a_search_without_any_outcome_does_not_fail(name: str) -> None:
    searcher = MAKERS[name](SPACE, 0)
    for _ in range(3):
        searcher.tell([Outcome(None)] * len(searcher.ask()))
    assert searcher.ask() and searcher.outcome


@pytest.mark.parametrize(
    "make", [BayesianSearcher, lambda space, seed: GeneticSearcher(space, seed, Genetics(top=True))]
)
def test_a_search_finds_better_points_than_its_first_ones(make: Callable[[Space, int], Searcher]) -> None:
    gains = []
    for seed in range(4):
        found = [error(point) for point in run(make(SPACE, seed), 6)]
        gains.append(np.median(found[:6]) - np.median(found[-6:]))
    assert np.mean(gains) > 0.02


def test_random_points_never_come_twice_and_end_with_the_space() -> None:
    searcher = RandomSearcher(Space((Choice("a", (1, 2, 3)), Choice("b", (True, False)))), 0)
    asked: list[Point] = []
    for _ in range(5):
        batch = searcher.ask()
        asked += batch
        searcher.tell([Outcome(0.5)] * len(batch))
    assert len(asked) == len({identity(point) for point in asked}) == 6
    assert searcher.ask() == [] and "6" in searcher.outcome


def test_the_rule_suggests_the_points_it_was_given() -> None:
    first = SPACE.draw(np.random.default_rng(0))
    searcher = RuleSearcher([first])
    assert searcher.ask() == [first]
    searcher.tell([Outcome(0.5)])
    assert searcher.ask() == [] and searcher.outcome
    searcher.tell([])


@pytest.mark.parametrize("make", [GeneticSearcher, BayesianSearcher])
def test_given_points_come_first(make: type[GeneticSearcher] | type[BayesianSearcher]) -> None:
    rule = SPACE.draw(np.random.default_rng(99))
    assert make(SPACE, 0, first=[rule]).ask()[0] == rule


CURVE = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8).map(tuple)


@settings(max_examples=20, deadline=None)
@given(curves=st.lists(CURVE, min_size=4, max_size=8), mine=CURVE)
def test_our_median_rule_is_optunas(curves: list[tuple[float, ...]], mine: tuple[float, ...]) -> None:
    assert median.hopeless(curves, mine) == bayesian.hopeless(curves, mine)


@pytest.mark.parametrize("hopeless", [median.hopeless, bayesian.hopeless])
def test_a_trial_worse_than_most_is_hopeless_after_the_warm_up(hopeless: Callable[..., bool]) -> None:
    rivals = [[0.5] * 4 for _ in range(median.RIVALS)]
    bad, good = [0.9] * 4, [0.1] * 4
    assert hopeless(rivals, bad) and not hopeless(rivals, good)
    assert not hopeless(rivals[1:], bad)
    assert not hopeless(rivals, bad[: median.WARM_UP])


def test_bayesian_search_prefers_what_was_good() -> None:
    space = Space((Range("x", 0.0, 1.0),))
    found = []
    for seed in range(5):
        searcher, asked = BayesianSearcher(space, seed), []
        for _ in range(8):
            batch = searcher.ask()
            asked += [float(point["x"]) for point in batch]
            searcher.tell([Outcome(0.01 + abs(float(point["x"]) - 0.8)) for point in batch])
        found += asked[16:]
    assert np.mean(np.abs(np.array(found) - 0.8)) < 0.2  # even draws: 0.34
