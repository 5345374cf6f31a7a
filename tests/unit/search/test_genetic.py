"""The genetic search follows the published algorithm, step by step."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.search.spaces import SPACE, error, solved
from vm_worker.search.genetic import PUBLISHED, UNSOLVABLE, Genetics, GeneticSearcher, Individual, chances, roulette
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Choice, Point, Space, identity

FITNESS = (1.0, 2.0, 3.0, 6.0)


def wheel(fitness: tuple[float, ...], count: int) -> dict[frozenset[int], float]:
    """Compute the exact chance of each set of survivors, over all orders in which a roulette wheel can hit them."""
    found: dict[frozenset[int], float] = {}
    for order in itertools.permutations(range(len(fitness)), count):
        chance, left = 1.0, sum(fitness)
        for index in order:
            chance *= fitness[index] / left
            left -= fitness[index]
        found[frozenset(order)] = found.get(frozenset(order), 0.0) + chance
    return found


@pytest.mark.parametrize("count", [1, 2, 3])
def test_survivors_are_distributed_as_an_independent_roulette_says(count: int) -> None:
    random, turns = np.random.default_rng(1), 4000
    seen: dict[frozenset[int], int] = {}
    for _ in range(turns):
        chosen = frozenset(roulette(FITNESS, count, random))
        seen[chosen] = seen.get(chosen, 0) + 1
    expected = wheel(FITNESS, count)
    squares = sum((seen.get(one, 0) - turns * p) ** 2 / (turns * p) for one, p in expected.items())
    freedom = len(expected) - 1
    assert squares < freedom + 4 * np.sqrt(2 * freedom)  # chi square: mean k, variance 2k


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=12), st.integers(0, 15), st.integers(0, 999))
def test_survivors_are_different_and_as_many_as_there_can_be(fitness: list[float], count: int, seed: int) -> None:
    chosen = roulette(fitness, count, np.random.default_rng(seed))
    assert len(chosen) == len(set(chosen)) == min(count, len(fitness))
    assert set(chosen) <= set(range(len(fitness)))


def test_chances_are_shares_of_the_fitness() -> None:
    np.testing.assert_allclose(chances(FITNESS), np.array(FITNESS) / 12)


@pytest.mark.parametrize(("error", "fitness"), [(0.25, 2.0), (0.01, 10.0), (0.0, 1e6)])
def test_fitness_is_one_over_the_root_of_the_mean_squared_error(error: float, fitness: float) -> None:
    assert Individual({}, error).fitness == pytest.approx(fitness)


def test_generations_have_the_sizes_that_were_set() -> None:
    searcher = GeneticSearcher(SPACE, 0, Genetics(parents=5, children=3, strangers=2))
    first = searcher.ask()
    assert len(first) == 5
    searcher.tell(solved(first))
    known = {identity(point) for point in first}
    second = searcher.ask()
    assert len(second) <= 5 and not known & {identity(point) for point in second}


def test_children_come_before_strangers_and_out_of_the_parents() -> None:
    searcher = GeneticSearcher(SPACE, 4, PUBLISHED)
    parents = searcher.ask()
    searcher.tell(solved(parents))
    pools = {name: [parent[name] for parent in parents] for name in parents[0]}

    def inherited(point: Point) -> bool:
        return all(value in pools[name] for name, value in point.items())

    batch = searcher.ask()
    assert [inherited(point) for point in batch] == [True] * (len(batch) - 2) + [False] * 2


def test_a_childs_values_are_drawn_again_by_their_chance() -> None:
    space = Space(tuple(Choice(f"g{place}", tuple(range(100))) for place in range(50)))
    searcher = GeneticSearcher(space, 0, Genetics(parents=6, children=40, strangers=0, mutation=0.2))
    parents = searcher.ask()
    searcher.tell([Outcome(0.5)] * len(parents))
    children = searcher.ask()
    pools = {name: {parent[name] for parent in parents} for name in parents[0]}
    strange = np.mean([value not in pools[name] for child in children for name, value in child.items()])
    assert 0.16 < strange < 0.22  # 0.2, less those drawn out of the pool by chance


def test_published_settings_are_those_of_the_paper() -> None:
    assert Genetics(6, 6, 2, 3, 0.0, False, 0.0) == PUBLISHED


def test_the_goal_ends_the_search() -> None:
    searcher = GeneticSearcher(SPACE, 0, Genetics(goal=0.2))
    batch = searcher.ask()
    searcher.tell([Outcome(0.1), *(Outcome(0.5) for _ in batch[1:])])
    assert searcher.ask() == [] and "goal" in searcher.outcome and "0.1000" in searcher.outcome


def test_the_goal_is_off_by_default() -> None:
    searcher = GeneticSearcher(SPACE, 0)
    searcher.tell([Outcome(0.0) for _ in searcher.ask()])
    assert searcher.ask()


def test_a_space_without_anything_new_is_not_solvable_within_these_settings() -> None:
    searcher = GeneticSearcher(Space((Choice("a", (1, 2, 3)),)), 0, Genetics(restarts=2))
    tried: list[object] = []
    while batch := searcher.ask():
        tried += [point["a"] for point in batch]
        searcher.tell([Outcome(0.1 * int(point["a"])) for point in batch])
    assert sorted(tried, key=str) == [1, 2, 3]  # all there is, each once
    assert searcher.outcome.startswith(UNSOLVABLE) and "0.1000" in searcher.outcome
    assert searcher.ask() == []


def test_a_generation_of_which_nothing_survives_starts_over_from_fresh_parents() -> None:
    searcher = GeneticSearcher(SPACE, 0, Genetics(parents=3, children=2, strangers=1, restarts=1, top=True))
    parents = searcher.ask()
    searcher.tell([Outcome(0.01) for _ in parents])
    searcher.tell([Outcome(0.9) for _ in searcher.ask()])  # none of them is among the best three
    fresh = searcher.ask()
    assert len(fresh) == 3 and not {identity(point) for point in fresh} & {identity(point) for point in parents}
    searcher.tell([Outcome(0.5) for _ in fresh])
    searcher.tell([Outcome(0.9) for _ in searcher.ask()])
    assert searcher.ask() == []  # one restart was allowed
    assert searcher.outcome.startswith(UNSOLVABLE) and "0.0100" in searcher.outcome  # the best of all parents


@pytest.mark.parametrize("top", [True, False])
def test_top_keeps_the_fittest_and_the_roulette_may_not(top: bool) -> None:
    best = []
    for seed in range(10):
        searcher = GeneticSearcher(SPACE, seed, Genetics(parents=3, children=2, strangers=2, top=top))
        asked: list[Point] = []
        for _ in range(2):
            batch = searcher.ask()
            asked += batch
            searcher.tell(solved(batch))
        survivors = sorted(parent.error for parent in searcher._parents)
        best.append(survivors == sorted(map(error, asked))[:3])
    assert all(best) if top else not all(best)


@pytest.mark.parametrize(
    "settings",
    [
        {"parents": 1},
        {"children": -1},
        {"strangers": -1},
        {"restarts": -1},
        {"children": 0, "strangers": 0},
        {"mutation": 1.5},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="parents"):
        Genetics(**settings)


def test_one_parent_alone_is_its_own_child() -> None:
    searcher = GeneticSearcher(SPACE, 0, PUBLISHED)
    batch = searcher.ask()
    searcher.tell([Outcome(error(batch[0])), *(Outcome(None) for _ in batch[1:])])
    assert len(searcher.ask()) == 2  # its children are known; the strangers are not
