"""Which objects belong to which level of the pyramid, by size: the borders are derived from the labels.

A border in the midst of the sizes spoils training: like objects then belong to different levels. So the borders lie
where few sizes are, and objects near a border belong to both of its levels. A level without objects is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.sides import STRIDES

# Input pixels between which the two borders may lie: 6 to 14 cells of the finer level, 6 to 14 of the coarser one.
REACHES = ((48.0, 112.0), (96.0, 224.0))
STEPS = 24  # places in a reach that are compared
WIDTH = 0.2  # of the bell curve in the logarithm with which a size weighs on the places around it
MIDDLE = 1e-2  # how much a place loses by its distance from the reach's middle, in the logarithm
NEAR = 1.25  # factor of a border within which an object belongs to both levels
FEW = 8  # boxes; with fewer the middle of each reach is taken
RARE = 0.02  # a level with a smaller share of the objects is left out; they go to its neighbour
ALL = 1e6  # a border above all sizes


@dataclass(frozen=True)
class Borders(AsJson):
    """The sizes that divide the levels, in input pixels; an object's size is the square root of its box's area.

    Levels that are left out have no sizes: `first` is 0 without the finest, `second` is ALL without the coarsest.
    """

    first: float  # between the levels of 8 and 16 pixels a cell
    second: float  # between those of 16 and 32

    @property
    def strides(self) -> tuple[int, ...]:
        """The pixels a cell of the levels that have objects."""
        used = (self.first > 0, self.first < self.second, self.second < ALL)
        return tuple(stride for stride, one in zip(STRIDES, used, strict=True) if one)

    def belong(self, sizes: Floats, strides: Floats) -> NDArray[np.bool_]:
        """Return whether an object of each size (n,) belongs to the level of each stride (m,): (m, n)."""
        limits = np.array([0.0, self.first, self.second, np.inf])
        level = np.searchsorted(np.array(STRIDES), strides)
        one = np.asarray(sizes, np.float64)[None, :]
        return np.asarray((one < limits[level + 1, None] * NEAR) & (one >= limits[level, None] / NEAR))


def borders(sizes: Floats) -> Borders:
    """Derive the borders from the sizes (n,) of the labelled objects in input pixels."""
    first = _quietest(sizes, *REACHES[0])
    low, high = REACHES[1]
    second = _quietest(sizes, max(low, 1.5 * first), high)
    if len(sizes) < FEW:
        return Borders(first, second)
    fine, coarse = float(np.mean(sizes < first)), float(np.mean(sizes >= second))
    middle = 1 - fine - coarse
    if coarse < RARE:
        second = ALL
        first = ALL if middle < RARE else first
    if fine < RARE:
        first = 0.0
        second = 0.0 if middle < RARE else second
    return Borders(first, second)


def _quietest(sizes: Floats, low: float, high: float) -> float:
    """Find the border between low and high with the fewest sizes around it; of equal ones that nearest the middle."""
    middle = float(np.sqrt(low * high))
    if len(sizes) < FEW:
        return round(middle, 1)
    places = np.geomspace(low, high, STEPS)
    distance = np.log(np.maximum(sizes, 1e-3))[:, None] - np.log(places)[None, :]
    weight = np.exp(-0.5 * (distance / WIDTH) ** 2).mean(axis=0) + MIDDLE * np.abs(np.log(places / middle))
    return round(float(places[int(np.argmin(weight))]), 1)
