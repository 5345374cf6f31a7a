"""Points of a space of choices as rows of numbers, one for each place."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vm_worker.search.space import Choice, Point, Space

Row = tuple[int, ...]  # for each place the number of the value chosen
DRAWS = 200  # tries to find a row that is new


class Places:
    """The places of a space, in its order. Raises ValueError for a space with a range."""

    def __init__(self, space: Space) -> None:
        choices = [one for one in space.dimensions if isinstance(one, Choice)]
        if len(choices) < len(space.dimensions):
            raise ValueError("this search takes choices only, no ranges of numbers")
        self._choices = choices
        self.sizes = [len(one.values) for one in choices]

    def point(self, row: Row) -> Point:
        """Return the point of a row."""
        return {one.name: one.values[number] for one, number in zip(self._choices, row, strict=True)}

    def row(self, point: Point) -> Row:
        """Return the row of a point. Raises ValueError for a value that is not among the choices."""
        return tuple(one.values.index(point[one.name]) for one in self._choices)

    def named(self, worth: Sequence[NDArray[np.float64]]) -> Mapping[str, Mapping[str, float]]:
        """Return figures of each value of each place by their names, rounded."""
        return {
            one.name: {str(value): round(float(each), 4) for value, each in zip(one.values, figures, strict=True)}
            for one, figures in zip(self._choices, worth, strict=True)
        }

    def draw(self, random: np.random.Generator) -> Row:
        """Draw a row, all equally likely."""
        return tuple(int(random.integers(size)) for size in self.sizes)

    def near(self, row: Row, known: Container[Row], random: np.random.Generator) -> Row | None:
        """Return a row that is not known: the given one with few values drawn again. None where none is found."""
        return self.new(known, lambda: self._changed(row, random))

    def _changed(self, row: Row, random: np.random.Generator) -> Row:
        """Draw one value again, at random; with an even chance another one too, and so on."""
        copy = list(row)
        while True:
            place = int(random.integers(len(copy)))
            copy[place] = int(random.integers(self.sizes[place]))
            if random.random() < 0.5:
                return tuple(copy)

    def new(self, known: Container[Row], propose: Callable[[], Row]) -> Row | None:
        """Return the first proposal that is not known; None where DRAWS proposals all are."""
        proposals = (propose() for _ in range(DRAWS))
        return next((row for row in proposals if row not in known), None)
