"""Which objects belong to which level of the pyramid, by size: the borders are derived from the labels.

A border in the midst of the sizes spoils training: like objects then belong to different levels. So the borders lie
where few sizes are, and objects near a border belong to both of its levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.sides import STRIDES

# Input pixels between which the two borders may lie: 6 to 14 cells of the finer level, 5 to 10 of the coarser one.
REACHES = ((48.0, 112.0), (96.0, 224.0))
STEPS = 24  # places in a reach that are compared
NEAR = 1.25  # factor of a border within which an object belongs to both levels
FEW = 8  # boxes; with fewer the middle of each reach is taken


@dataclass(frozen=True)
class Borders(AsJson):
    """The sizes that divide the levels, in input pixels; an object's size is the square root of its box's area."""

    first: float  # between the levels of 8 and 16 pixels a cell
    second: float  # between those of 16 and 32

    def levels(self, sizes: Floats) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Return which levels an object of each size (n,) belongs to: (n, 3), one or two in each row."""
        limits = np.array([0.0, self.first, self.second, np.inf])
        one = np.asarray(sizes, np.float64)[:, None]
        return np.asarray((one < limits[1:] * NEAR) & (one >= limits[:-1] / NEAR))


def borders(sizes: Floats) -> Borders:
    """Derive the borders from the sizes (n,) of the labelled objects in input pixels."""
    first = _quietest(sizes, *REACHES[0])
    low, high = REACHES[1]
    return Borders(first, _quietest(sizes, max(low, 2 * first), max(high, 2 * first)))


def _quietest(sizes: Floats, low: float, high: float) -> float:
    """Find the border between low and high with the fewest sizes around it; of equal ones that nearest the middle."""
    middle = float(np.sqrt(low * high))
    if len(sizes) < FEW or low >= high:
        return round(middle, 1)
    places = np.geomspace(low, high, STEPS)
    distance = np.abs(np.log(np.maximum(sizes, 1e-3))[:, None] - np.log(places)[None, :])
    # Every size weighs on the places around it, as a bell curve a quarter of an octave wide.
    weight = np.exp(-0.5 * (distance / 0.2) ** 2).mean(axis=0) + 1e-3 * np.abs(np.log(places / middle))
    return round(float(places[int(np.argmin(weight))]), 1)


def coarsest(borders: Borders) -> float:
    """Return the largest size that the levels were made for, in input pixels."""
    return borders.second * STRIDES[-1] / STRIDES[-2]
