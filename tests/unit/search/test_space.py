"""Points lie in their space, depend on the seed alone, and invalid spaces are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.search.spaces import SPACE, spaces
from vm_worker.search.space import Choice, Point, Range, Space, crossed, identity


@settings(max_examples=30, deadline=None)
@given(spaces(), st.integers(0, 2**31))
def test_a_drawn_point_lies_in_its_space(space: Space, seed: int) -> None:
    assert space.holds(space.draw(np.random.default_rng(seed)))


@settings(max_examples=30, deadline=None)
@given(spaces(), st.integers(0, 2**31))
def test_the_seed_alone_decides(space: Space, seed: int) -> None:
    one, other = (space.draw(np.random.default_rng(seed)) for _ in range(2))
    assert identity(one) == identity(other)


@settings(max_examples=30, deadline=None)
@given(spaces(), st.integers(0, 2**31))
def test_a_child_has_each_value_from_one_of_its_parents(space: Space, seed: int) -> None:
    random = np.random.default_rng(seed)
    parents = [space.draw(random) for _ in range(3)]
    child = crossed(parents, space, random)
    assert space.holds(child)
    assert all(value in [parent[name] for parent in parents] for name, value in child.items())


def test_a_logarithmic_range_is_even_in_its_logarithm() -> None:
    random = np.random.default_rng(0)
    drawn = np.array([Range("rate", 1e-4, 1e-2, log=True).draw(random) for _ in range(2000)])
    assert 0.45 < (drawn < 1e-3).mean() < 0.55


def test_a_plain_range_is_even() -> None:
    random = np.random.default_rng(0)
    drawn = np.array([Range("rate", 0.0, 1.0).draw(random) for _ in range(2000)])
    assert 0.45 < (drawn < 0.5).mean() < 0.55


def test_children_mix_both_parents() -> None:
    random = np.random.default_rng(0)
    parents: list[Point] = [{"cut": "shallow", "rate": 1e-5, "batch": 16, "dropout": 0.0, "mirror": True}]
    parents.append({"cut": "deep", "rate": 1e-2, "batch": 64, "dropout": 0.5, "mirror": False})
    children = {identity(crossed(parents, SPACE, random)) for _ in range(500)}
    assert len(children) == 2 ** len(SPACE.dimensions)


@pytest.mark.parametrize(
    "point",
    [
        {"cut": "deep", "rate": 1e-3, "batch": 32, "dropout": 0.1},  # one is missing
        {"cut": "deep", "rate": 1e-3, "batch": 32, "dropout": 0.1, "mirror": True, "more": 1},  # one too many
        {"cut": "deep", "rate": 1.0, "batch": 32, "dropout": 0.1, "mirror": True},  # too high
        {"cut": "deep", "rate": "high", "batch": 32, "dropout": 0.1, "mirror": True},  # no number
        {"cut": "deep", "rate": 1e-3, "batch": 33, "dropout": 0.1, "mirror": True},  # not offered
        {"cut": "deep", "rate": 1e-3, "batch": 32, "dropout": 0.1, "mirror": 1},  # 1 is not True
    ],
)
def test_a_point_elsewhere_is_not_held(point: dict[str, object]) -> None:
    assert not SPACE.holds(point)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "log"),
    [(1.0, 1.0, False), (2.0, 1.0, False), (0.0, 1.0, True), (-1.0, 1.0, True), (0.0, float("inf"), False)],
)
def test_a_range_that_is_none_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(ValueError, match="rate"):
        Range("rate", low, high, log)


@pytest.mark.parametrize("dimensions", [(Choice("a", (1,)), Range("a", 0, 1)), (Choice("a", ()),)])
def test_a_space_that_is_none_is_refused(dimensions: tuple[Choice | Range, ...]) -> None:
    with pytest.raises(ValueError, match=r"name|values"):
        Space(dimensions)
