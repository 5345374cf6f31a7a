"""The sides of pictures, and the cells into which a detector divides them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.tasks.detection.boxes import Floats

STRIDES = (8, 16, 32)  # input pixels a cell, of the levels from fine to coarse


@dataclass(frozen=True)
class Sides:
    """The height and width of pictures in pixels; of a network's input multiples of 32."""

    height: int
    width: int

    def cells(self, strides: Sequence[int] = STRIDES) -> tuple[tuple[int, int], ...]:
        """Return the rows and columns of the levels of these strides."""
        return tuple((self.height // stride, self.width // stride) for stride in strides)


def points(sides: Sides, levels: Sequence[int] = STRIDES) -> tuple[Floats, Floats]:
    """Return the centres (n, 2) of all cells, x and y in pixels, and their strides (n,).

    `levels` are the strides of the levels. The points are in the order of a detector's outputs: levels, rows, columns.
    """
    centres, strides = [], []
    for (rows, columns), stride in zip(sides.cells(levels), levels, strict=True):
        y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
        centres.append((np.stack([x.ravel(), y.ravel()], 1) + 0.5) * stride)
        strides.append(np.full(rows * columns, stride))
    return np.concatenate(centres).astype(np.float32), np.concatenate(strides).astype(np.float32)


def levels(sides: Sides, count: int) -> tuple[int, ...]:
    """Return the strides of the levels that have so many points together. Raises ValueError where none have."""
    for first in range(len(STRIDES)):
        for last in range(first, len(STRIDES)):
            strides = STRIDES[first : last + 1]
            if sum(rows * columns for rows, columns in sides.cells(strides)) == count:
                return strides
    raise ValueError(f"{count} points are not those of levels of a picture of {sides.width} x {sides.height}")
