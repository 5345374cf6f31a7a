"""What a detector should answer for a picture: for each point the object that it answers for.

A point answers for an object of its level whose centre is near (centre sampling: Tian et al., "FCOS: a simple and
strong anchor-free object detector", 2020, section 3.2). Of several objects the smallest is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.tasks.detection.boxes import Floats, area
from vm_worker.tasks.detection.engine.frames import FrameLabels
from vm_worker.tasks.detection.engine.levels import Borders
from vm_worker.tasks.detection.engine.sides import Sides, points

RADIUS = 1.5  # cells around an object's centre within which points answer for it
BACKGROUND, WEIGHT, FIRST_SIDE = -1.0, 1, 2  # a class that is none, and the columns of the targets
COLUMNS = 6  # class, weight, and the distances to the four sides in cells


@dataclass(frozen=True, eq=False)
class Targets:
    """The targets of pictures of some sides."""

    sides: Sides
    borders: Borders

    def of(self, labels: FrameLabels) -> Floats:
        """Return the targets (points, 6) of a picture: class or -1, weight 0 or 1, distances in cells."""
        centres, strides = points(self.sides, self.borders.strides)
        targets = np.zeros((len(centres), COLUMNS), np.float32)
        targets[:, 0], targets[:, WEIGHT] = BACKGROUND, 1.0
        targets[_inside(centres, labels.ignored).any(axis=1), WEIGHT] = 0.0
        xyxy = labels.boxes.xyxy
        if not len(xyxy):
            return targets
        owner = self._owners(centres, strides, xyxy)
        taken = np.flatnonzero(owner >= 0)
        own = owner[taken]
        at, box, stride = centres[taken], xyxy[own], strides[taken, None]
        distances = np.concatenate([at - box[:, :2], box[:, 2:] - at], axis=1) / stride
        targets[taken, 0], targets[taken, WEIGHT] = labels.boxes.classes[own], 1.0
        # Below 0 where a thin object has no point inside: the nearest one answers for it.
        targets[taken, FIRST_SIDE:] = np.maximum(distances, 0.0)
        return targets

    def _owners(self, centres: Floats, strides: Floats, xyxy: Floats) -> NDArray[np.int64]:
        """Return the object (points,) that each point answers for, by index; -1: none."""
        areas = area(xyxy)
        right_level = self.borders.belong(np.sqrt(areas), strides)  # (points, n)
        away = np.abs(centres[:, None] - ((xyxy[:, :2] + xyxy[:, 2:]) / 2)[None])  # (points, n, 2)
        near = (away <= RADIUS * strides[:, None, None]).all(axis=2)
        candidate = right_level & near & _inside(centres, xyxy)
        owner = _smallest(candidate, areas)
        for lost in np.setdiff1d(np.arange(len(xyxy)), owner):
            # An object without a point would vanish from training: it gets the nearest one.
            distance = np.where(right_level[:, lost], away[:, lost].max(axis=1) / strides, np.inf)
            owner[int(np.argmin(distance))] = lost
        return owner


def _inside(centres: Floats, xyxy: Floats) -> NDArray[np.bool_]:
    """Return whether each point (n, 2) lies in each box (m, 4): (n, m)."""
    x, y = centres[:, :1], centres[:, 1:]
    return np.asarray((x > xyxy[:, 0]) & (y > xyxy[:, 1]) & (x < xyxy[:, 2]) & (y < xyxy[:, 3]))


def _smallest(candidate: NDArray[np.bool_], areas: Floats) -> NDArray[np.int64]:
    """Return the smallest candidate of each row by index; -1: none."""
    sizes = np.where(candidate, areas[None, :], np.inf)
    best = np.argmin(sizes, axis=1)
    return np.where(candidate.any(axis=1), best, -1).astype(np.int64)
