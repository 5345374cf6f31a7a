"""Searches that design networks: legal points, none twice, the same by the same seed; and what each has learnt."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vm_worker.search import controller, q_learning
from vm_worker.search.controller import ControllerSearcher
from vm_worker.search.designers import DESIGNERS
from vm_worker.search.evolution import EvolutionSearcher
from vm_worker.search.half_random import HalfRandomSearcher
from vm_worker.search.lstm import ChoiceNetwork, Shape
from vm_worker.search.q_learning import Learning, QLearningSearcher, QTable
from vm_worker.search.random import RandomSearcher
from vm_worker.search.searcher import Outcome, Searcher
from vm_worker.search.space import Choice, Point, Range, Space, identity

SPACE = Space(tuple(Choice(f"g{place}", tuple("abcde")) for place in range(6)))
SMALL = Space((Choice("g0", (1, 2, 3)), Choice("g1", (True, False)), Choice("g2", ("only",))))
every = pytest.mark.parametrize("name", DESIGNERS)


def reward(point: Point) -> float:
    """The share of places with the right value, a planted string."""
    return sum(value == "abcdea"[place] for place, value in enumerate(point.values())) / len(point)


def run(searcher: Searcher, trials: int) -> list[Point]:
    asked: list[Point] = []
    while len(asked) < trials and (batch := searcher.ask()):
        asked += batch
        searcher.tell([Outcome(1 - reward(point)) for point in batch])
    return asked


@every
def test_points_are_legal_and_those_of_the_seed(name: str) -> None:
    one, again, other = (run(DESIGNERS[name](SPACE, seed, 40), 40) for seed in (3, 3, 4))
    assert all(SPACE.holds(point) for point in one)
    assert [identity(point) for point in one] == [identity(point) for point in again]
    assert [identity(point) for point in one] != [identity(point) for point in other]


@pytest.mark.parametrize("name", sorted(set(DESIGNERS) - {"bayesian"}))  # Optuna may suggest a point again
def test_no_point_is_tried_twice_and_the_search_ends_with_the_space(name: str) -> None:
    searcher = DESIGNERS[name](SMALL, 0, 6)
    asked = run(searcher, 100)
    assert len(asked) == len({identity(point) for point in asked}) == 6
    assert searcher.ask() == [] and "6" in searcher.outcome
    searcher.tell([])


@every
def test_points_that_were_not_tried_do_no_harm(name: str) -> None:
    searcher = DESIGNERS[name](SPACE, 0, 20)
    for number in range(20):
        searcher.tell([Outcome(None) if number % 2 else Outcome(0.3) for _ in searcher.ask()])
    assert searcher.ask() and searcher.outcome


@every
def test_a_wrong_number_of_outcomes_is_refused(name: str) -> None:
    searcher = DESIGNERS[name](SPACE, 0, 20)
    searcher.ask()
    with pytest.raises(ValueError, match="asked for"):
        searcher.tell([])


@pytest.mark.parametrize("name", ["controller", "q_learning", "surrogate"])
def test_ranges_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="choices only"):
        DESIGNERS[name](Space((Range("rate", 0.1, 1.0),)), 0, 20)


@pytest.mark.parametrize("name", ["controller", "q_learning", "evolution"])
def test_what_is_learnt_is_better_than_chance(name: str) -> None:
    """Compare the best of 60 trials with that of random search, seed by seed."""
    gains = []
    for seed in range(6):
        found, luck = (run(DESIGNERS[one](SPACE, seed, 60), 60) for one in (name, "random"))
        gains.append(max(map(reward, found)) - max(map(reward, luck)))
    assert np.mean(gains) > 0.1 and min(gains) >= 0


def test_the_controller_comes_to_choose_a_planted_string() -> None:
    """Random points get 0.2 of it. The bar is 0.75 for the draws 351 to 400."""
    means, undecided = [], []
    for seed in range(3):
        searcher = ControllerSearcher(SPACE, seed)
        assert 0.95 < searcher.entropy <= 1
        while searcher.updates < 350:
            run(searcher, 1)
        means.append(np.mean([reward(point) for point in searcher.policy(50, np.random.default_rng(seed))]))
        undecided.append(searcher.entropy * math.log(5))
    assert np.mean(means) >= 0.75 and np.mean(undecided) < 0.6


def test_the_controller_with_published_settings_hardly_moves() -> None:
    searcher = ControllerSearcher(SPACE, 0, controller.PUBLISHED)
    run(searcher, 60)
    assert searcher.entropy > 0.9


@pytest.mark.parametrize("place_bias", [True, False])
def test_the_gradients_of_the_controller_are_those_of_differences(place_bias: bool) -> None:
    random = np.random.default_rng(0)
    network = ChoiceNetwork([3, 1, 4], Shape(units=4, spread=0.8, place_bias=place_bias), random)
    steps = network.draw(random, 3)
    found = network.gradients(steps)
    rows = np.array([step.choice for step in steps]).T

    def likelihood(row: list[int]) -> float:
        return sum(math.log(step.chances[0, choice]) for step, choice in zip(network.follow(row), row, strict=True))

    for gradient, row in zip(found, rows.tolist(), strict=True):
        for number in range(len(network.weights)):
            before, sides = network.weights[number], []
            for change in (1e-5, -1e-5):
                network.weights[number] = before + change
                sides.append(likelihood(row))
            network.weights[number] = before
            assert gradient[number] == pytest.approx((sides[0] - sides[1]) / 2e-5, abs=1e-8)


def test_a_draw_has_the_chances_that_the_network_says() -> None:
    random = np.random.default_rng(0)
    network = ChoiceNetwork([4], Shape(units=4, spread=1.5), random)
    steps = network.draw(random, 20_000)
    seen = np.bincount(steps[0].choice, minlength=4) / 20_000
    np.testing.assert_allclose(seen, steps[0].chances[0], atol=0.015)
    assert steps[0].chances[0].max() > 0.3


def test_the_published_schedule_is_that_of_the_paper() -> None:
    """Table 2 of MetaQNN: 1,500 of 2,700 networks at random, then less and less; never none."""
    published = q_learning.PUBLISHED
    assert sum(part for _, part in published.schedule) == pytest.approx(1)
    shares = (0, 1499, 1500, 1599, 1600, 1800, 2549, 2550, 2699, 2700, 9999)
    found = [published.epsilon(networks / 2700) for networks in shares]
    assert found == [1.0, 1.0, 0.9, 0.9, 0.8, 0.6, 0.2, 0.1, 0.1, 0.1, 0.1]
    assert (published.alpha, published.replays, published.shared, published.first) == (0.01, 100, False, 0.5)


def test_epsilon_falls_with_the_trials() -> None:
    searcher = QLearningSearcher(SPACE, 0, planned=10)
    epsilons = []
    for _ in range(12):
        epsilons.append(searcher.epsilon)
        run(searcher, 1)
    assert epsilons == [1.0, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1]


def test_an_update_is_that_of_the_paper() -> None:
    """Check equation 3 by hand: the last choice first, each from the best that can follow."""
    table = QTable([2, 2], Learning(alpha=0.5, replays=1, first=0.2), np.random.default_rng(0))
    table.remember((1, 0), (0.0, 1.0))
    table.replay()
    assert table.values[1] == [[0.2, 0.2], [pytest.approx(0.6), 0.2]]  # 0.5 * 0.2 + 0.5 * 1.0
    assert table.values[0] == [[0.2, pytest.approx(0.4)]]  # 0.5 * 0.2 + 0.5 * 0.6, the best that follows
    assert table.draw(0.0) == (1, 0)


def test_the_table_finds_the_best_way_where_each_step_pays_at_once() -> None:
    """Five steps of three choices; a choice pays by itself and the one before it. The bar is 95 % of the seeds."""
    right = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        pays = random.random((5, 3, 3)) / 5
        best = max(_ways(), key=lambda way: _paid(pays, way).sum())
        learning = Learning(replays=30)
        table = QTable([3] * 5, learning, random)
        for trial in range(120):
            way = table.draw(learning.epsilon(trial / 120))
            table.remember(way, _paid(pays, way).tolist())
            table.replay()
        right += table.draw(0.0) == best
    assert right >= 19


def _ways() -> list[tuple[int, ...]]:
    return [tuple(int(one) for one in way) for way in np.ndindex(3, 3, 3, 3, 3)]


def _paid(pays: np.ndarray, way: tuple[int, ...]) -> np.ndarray:
    return pays[range(5), [0, *way[:-1]], way]


def test_the_oldest_of_a_population_dies_however_good_it_is() -> None:
    """Check the third generation's parents: with all in the sample, the best that lives is the parent."""
    searcher = EvolutionSearcher(SPACE, 0, population=2, sample=2)
    errors, asked = iter((0.1, 0.5, 0.6, 0.7)), []
    for _ in range(4):
        asked += searcher.ask()
        searcher.tell([Outcome(next(errors))])

    def changed(one: Point, other: Point) -> int:
        return sum(one[name] != other[name] for name in one)

    assert changed(asked[2], asked[0]) == 1  # the best one is the parent, once
    assert changed(asked[3], asked[1]) == 1  # 0.1 is dead


def test_a_sample_larger_than_the_population_is_refused() -> None:
    with pytest.raises(ValueError, match="a sample of 5 out of 4"):
        EvolutionSearcher(SPACE, 0, population=4, sample=5)


@every
def test_half_of_the_points_are_random_and_the_designer_learns_from_them(name: str) -> None:
    searcher = HalfRandomSearcher(DESIGNERS[name](SPACE, 0, 60), RandomSearcher(SPACE, 99))
    points: list[tuple[bool, Point]] = []
    while len(points) < 60:
        batch = searcher.ask()
        points += [(number < searcher.drawn, point) for number, point in enumerate(batch)]
        searcher.tell([Outcome(1 - reward(point)) for point in batch])
    assert sum(drawn for drawn, _ in points) * 2 == len(points)
    alone = run(RandomSearcher(SPACE, 99), 30)
    assert [point for drawn, point in points if drawn][:28] == alone[:28]  # as if nobody else searched
    known = {identity(point) for _, point in points}
    if name != "bayesian":
        assert len(known) >= 59  # the designer never asks again for what was drawn before
    with pytest.raises(ValueError, match="outcomes told"):
        searcher.tell([])
    assert searcher.ask() and searcher.outcome


@pytest.mark.parametrize("name", ["controller", "q_learning"])
def test_a_designer_shows_what_it_thinks_of_each_choice(name: str) -> None:
    searcher = DESIGNERS[name](SPACE, 0, 40)
    before = searcher.undecided
    for point in run(RandomSearcher(SPACE, 1), 120):
        searcher.inform(point, Outcome(1 - reward(point)))
    leanings = searcher.leanings()
    assert list(leanings) == [f"g{place}" for place in range(6)]
    right = [max(leanings[f"g{place}"], key=leanings[f"g{place}"].__getitem__) for place in range(6)]
    if name == "controller":
        assert sum(one == two for one, two in zip(right, "abcdea", strict=True)) >= 4
        assert sum(leanings["g0"].values()) == pytest.approx(1, abs=1e-3)
    assert before is not None and searcher.undecided is not None and searcher.undecided < before


@pytest.mark.parametrize("name", ["evolution", "surrogate", "bayesian", "random"])
def test_other_designers_show_nothing(name: str) -> None:
    searcher = DESIGNERS[name](SPACE, 0, 40)
    assert searcher.undecided is None and searcher.leanings() == {}
