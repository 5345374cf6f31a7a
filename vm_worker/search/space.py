"""What may be varied: named dimensions, each with the values that it may take. Plain values throughout."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Plain = bool | int | float | str
Point = Mapping[str, Plain]  # one value for each dimension


@dataclass(frozen=True)
class Choice:
    """One of a few values, in no order that matters."""

    name: str
    values: tuple[Plain, ...]

    def draw(self, random: np.random.Generator) -> Plain:
        """Each value is equally likely."""
        return self.values[int(random.integers(len(self.values)))]

    def holds(self, value: Plain) -> bool:
        """The value is one of them, of the same type: True is not 1."""
        return any(value == one and type(value) is type(one) for one in self.values)


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; drawn evenly, or evenly in their logarithm. Raises ValueError."""

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
        """A number of the range, rounded to 3 digits: a report shows what was really tried."""
        if self.log:
            value = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = float(random.uniform(self.low, self.high))
        return self.rounded(value)

    def rounded(self, value: float) -> float:
        """Three significant digits, still in the range."""
        return min(self.high, max(self.low, float(f"{value:.3g}")))

    def holds(self, value: Plain) -> bool:
        """The value is a float within the bounds."""
        return isinstance(value, float) and self.low <= value <= self.high


Dimension = Choice | Range


@dataclass(frozen=True)
class Space:
    """All dimensions, in a fixed order. Raises ValueError when two have one name or a choice is empty."""

    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        names = [dimension.name for dimension in self.dimensions]
        if len(set(names)) < len(names):
            raise ValueError(f"two dimensions have one name: {names}")
        if any(isinstance(dimension, Choice) and not dimension.values for dimension in self.dimensions):
            raise ValueError("a choice without values")

    def draw(self, random: np.random.Generator) -> dict[str, Plain]:
        """A random point; the generator's state alone decides."""
        return {dimension.name: dimension.draw(random) for dimension in self.dimensions}

    def holds(self, point: Point) -> bool:
        """The point has a legal value for each dimension, and nothing else."""
        names = {dimension.name for dimension in self.dimensions}
        return set(point) == names and all(dimension.holds(point[dimension.name]) for dimension in self.dimensions)


def identity(point: Point) -> tuple[tuple[str, Plain], ...]:
    """Equal for equal points, and hashable."""
    return tuple(sorted(point.items()))


def crossed(parents: Sequence[Point], space: Space, random: np.random.Generator) -> dict[str, Plain]:
    """A child: each value comes from one of the parents, at random."""
    return {
        dimension.name: parents[int(random.integers(len(parents)))][dimension.name] for dimension in space.dimensions
    }
