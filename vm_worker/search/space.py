"""Spaces of settings to search in: named dimensions, each with the values that it may take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Plain = bool | int | float | str
Point = Mapping[str, Plain]  # one value for each dimension


@dataclass(frozen=True)
class Choice:
    """A dimension with a few values, without an order. Equal values of different types differ: True is not 1."""

    name: str
    values: tuple[Plain, ...]

    def draw(self, random: np.random.Generator) -> Plain:
        """Draw one of the values, all equally likely."""
        return self.values[int(random.integers(len(self.values)))]

    def holds(self, value: Plain) -> bool:
        """Return whether the value is one of these, of the same type."""
        return any(value == one and type(value) is type(one) for one in self.values)


@dataclass(frozen=True)
class Range:
    """A dimension of numbers from low to high, both included, drawn evenly or evenly in their logarithm.

    Raises ValueError where low is not below high, a bound is not finite, or a logarithmic range starts at 0 or below.
    """

    name: str
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"{self.name}: {self.low} to {self.high} is no range")
        if self.log and self.low <= 0:
            raise ValueError(f"{self.name}: a logarithmic range starts above 0, not at {self.low}")

    def draw(self, random: np.random.Generator) -> float:
        """Draw a number of the range, rounded to 3 digits, so that a report shows exactly what was tried."""
        if self.log:
            value = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = float(random.uniform(self.low, self.high))
        return self.rounded(value)

    def rounded(self, value: float) -> float:
        """Round to three significant digits, within the range."""
        return min(self.high, max(self.low, float(f"{value:.3g}")))

    def holds(self, value: Plain) -> bool:
        """Return whether the value is a float within the bounds."""
        return isinstance(value, float) and self.low <= value <= self.high


Dimension = Choice | Range


@dataclass(frozen=True)
class Space:
    """All dimensions of a search, in a fixed order. Raises ValueError when two share a name or a choice is empty."""

    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        names = [dimension.name for dimension in self.dimensions]
        if len(set(names)) < len(names):
            raise ValueError(f"two dimensions have one name: {names}")
        if any(isinstance(dimension, Choice) and not dimension.values for dimension in self.dimensions):
            raise ValueError("a choice without values")

    def draw(self, random: np.random.Generator) -> dict[str, Plain]:
        """Draw a random point; it depends on the generator's state alone."""
        return {dimension.name: dimension.draw(random) for dimension in self.dimensions}

    def holds(self, point: Point) -> bool:
        """Return whether the point has a legal value for each dimension, and nothing else."""
        names = {dimension.name for dimension in self.dimensions}
        return set(point) == names and all(dimension.holds(point[dimension.name]) for dimension in self.dimensions)


def identity(point: Point) -> tuple[tuple[str, Plain], ...]:
    """Return a hashable form of a point, equal for equal points."""
    return tuple(sorted(point.items()))


def crossed(parents: Sequence[Point], space: Space, random: np.random.Generator) -> dict[str, Plain]:
    """Return a child point: each value comes from one of the parents, at random."""
    return {
        dimension.name: parents[int(random.integers(len(parents)))][dimension.name] for dimension in space.dimensions
    }
