"""The surrogate: what its Gaussian processes foretell, what it asks for, and that it is not taken in by luck."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.unit.search.test_designers import SPACE, reward, run
from vm_worker.search.gaussian_process import KERNELS, Forecast, Kernel, Processes
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Point
from vm_worker.search.surrogate import SurrogateSearcher, improvement

SIZES = [3, 4, 2, 5]


def problem(count: int, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, errors as they are judged, and true errors: each place adds its own."""
    random = np.random.default_rng(0)
    worth = [random.normal(size=size) for size in SIZES]
    rows = random.integers(0, SIZES, size=(count, len(SIZES)))
    true = np.array([sum(own[value] for own, value in zip(worth, row, strict=True)) for row in rows])
    return rows, true + noise * random.normal(size=count), true


def test_one_process_foretells_what_the_formula_says() -> None:
    """Mean k (K + s)^-1 z and variance 1 - k (K + s)^-1 k, solved directly (Rasmussen and Williams, algorithm 2.1)."""
    rows, errors, _ = problem(30)
    kernel, noise = KERNELS[2], 0.1
    found = Processes(SIZES, rows[:20], errors[:20], [(kernel, noise)]).forecasts(rows[20:])[0]
    differing = (rows[:, None, :] != rows[None, :, :]).sum(2)
    whole = kernel(differing.astype(float), len(SIZES))
    judged = whole[:20, :20] + (noise + 1e-6) * np.eye(20)
    z = (errors[:20] - errors[:20].mean()) / errors[:20].std()
    mean = whole[20:, :20] @ np.linalg.solve(judged, z)
    scale = z @ np.linalg.solve(judged, z) / 20
    left = 1 - np.einsum("ij,ji->i", whole[20:, :20], np.linalg.solve(judged, whole[:20, 20:]))
    np.testing.assert_allclose(found.mean, errors[:20].mean() + errors[:20].std() * mean, atol=1e-6)
    np.testing.assert_allclose(found.deviation, errors[:20].std() * np.sqrt(scale * np.maximum(left, 1e-9)), atol=1e-4)


def test_what_was_not_tried_is_foretold_and_luck_is_averaged_away() -> None:
    rows, judged, true = problem(80, noise=0.7)
    processes = Processes(SIZES, rows[:60], judged[:60])
    assert np.corrcoef(processes.expected(rows[60:]), true[60:])[0, 1] > 0.9
    expected = processes.expected(rows[:60])
    assert np.abs(expected - true[:60]).mean() < 0.7 * np.abs(judged[:60] - true[:60]).mean()


def test_of_clear_errors_only_the_likely_kernels_foretell() -> None:
    rows, errors, _ = problem(80)
    processes = Processes(SIZES, rows, errors)
    assert {kernel for kernel, _ in processes.assumptions} == {Kernel(0.9, 2.0)}  # places add up
    assert sum(one.weight for one in processes.forecasts(rows[:2])) == pytest.approx(1)


def test_the_improvement_is_the_mean_of_what_lies_below_the_best() -> None:
    forecast = Forecast(1.0, np.array([0.3, 0.5, 0.4, 0.1]), np.array([0.1, 0.1, 0.2, 0.05]))
    drawn = np.random.default_rng(0).normal(size=(200_000, 1)) * forecast.deviation[2:] + forecast.mean[2:]
    np.testing.assert_allclose(improvement(forecast, 2), np.maximum(0.3 - drawn, 0).mean(0), atol=1e-3)


def test_it_finds_a_planted_string() -> None:
    """30 of 15,625 points; random search comes to 0.5 or 0.67 of it."""
    assert [max(map(reward, run(SurrogateSearcher(SPACE, seed), 30))) for seed in (0, 1)] == [1, 1]


def test_a_lucky_point_is_not_what_it_expects_most_of() -> None:
    searcher, random = SurrogateSearcher(SPACE, 0), np.random.default_rng(1)
    points: list[Point] = [SPACE.draw(random) for _ in range(60)]
    worst = min(range(60), key=lambda number: reward(points[number]))
    lucky = 0.95 - max(map(reward, points))  # it seems to be the best, by a little
    for number, point in enumerate(points):
        searcher.inform(point, Outcome(lucky if number == worst else 1 - reward(point)))
    expected = searcher.expected(points)
    assert expected[worst] > lucky + 0.1 and int(expected.argmin()) != worst
    assert math.isclose(float(expected.min()), 1 - max(map(reward, points)), abs_tol=0.15)


def test_without_a_trial_nothing_is_expected() -> None:
    with pytest.raises(ValueError, match="nothing was tried"):
        SurrogateSearcher(SPACE, 0).expected([])
