"""What a second stage learns from: proposals of the first one and shaken labels, and what it should say of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vm_worker.learn.arrays import Floats
from vm_worker.tasks.detection.boxes import Indices, containment, iou
from vm_worker.tasks.detection.engine.frames import FrameLabels
from vm_worker.tasks.detection.engine.outlines import rastered
from vm_worker.tasks.detection.engine.sides import Sides

ENOUGH = 0.5  # IoU from which a box shows an object
SHAKEN = 0.15  # of an object's sides, by which the sides of a shaken label differ at most
BACKGROUND = -1.0
WEIGHT, FIRST_SIDE, OUTLINED, FIRST_CELL = 1, 2, 6, 7  # columns behind that of the class
LEAST = 1e-4  # of the longer side, that a box has


@dataclass(frozen=True, eq=False)
class Proposals:
    """The first stage's boxes of all views, and the labels of these."""

    boxes: Floats  # (rows, rois, 4) shares of the input's longer side
    labels: Callable[[int], FrameLabels]
    sides: Sides
    mask: int  # cells of a mask along each side; 0: there are none
    seed: int

    def given(self, row: int) -> Floats:
        """Return the boxes that are learnt from in a view, (rois, 4): half of them shaken labels, where it has any."""
        proposed, labels = self.boxes[row], self._shares(row)
        if not len(labels):
            return np.asarray(proposed, np.float32)
        random, count = np.random.default_rng((self.seed, row)), len(proposed)
        some = labels[random.integers(0, len(labels), count // 2)]
        sizes = np.tile(some[:, 2:] - some[:, :2], 2)
        shaken = np.clip(some + random.uniform(-SHAKEN, SHAKEN, some.shape) * sizes, 0, 1)
        return np.concatenate([shaken, proposed[: count - len(shaken)]]).astype(np.float32)

    def targets(self, row: int) -> Floats:
        """Return what should be said of `given`, (rois, 7 + mask * mask).

        The columns: class or -1, weight, the distances of the object's sides from the box's middle, as shares of the
        box's width and height, whether its outline is known, and the cells of the outline in the box.
        """
        given, truth, labels = self.given(row), self._shares(row), self.labels(row)
        rows = np.zeros((len(given), FIRST_CELL + self.mask**2), np.float32)
        rows[:, 0], rows[:, WEIGHT] = BACKGROUND, 1.0
        if len(labels.ignored):
            hidden = containment(given * self._longer, labels.ignored).max(axis=1) > ENOUGH
            rows[hidden, WEIGHT] = 0.0
        if not len(truth):
            return rows
        overlaps = iou(given, truth)
        shown, owner = overlaps.max(axis=1) >= ENOUGH, overlaps.argmax(axis=1)
        middle, size = (given[:, :2] + given[:, 2:]) / 2, np.maximum(given[:, 2:] - given[:, :2], LEAST)
        sides = np.concatenate([middle - truth[owner, :2], truth[owner, 2:] - middle], axis=1) / np.tile(size, 2)
        rows[shown, 0], rows[shown, WEIGHT] = labels.boxes.classes[owner[shown]], 1.0
        rows[:, FIRST_SIDE:OUTLINED] = np.where(shown[:, None], sides, 0.0)
        if self.mask and labels.boxes.polygons:
            self._draw(rows, given * self._longer, np.flatnonzero(shown), owner, labels)
        return rows

    def _draw(self, rows: Floats, boxes: Floats, shown: Indices, owner: Indices, labels: FrameLabels) -> None:
        for place in shown.tolist():
            outline = labels.boxes.polygons[owner[place]]
            if outline:
                rows[place, OUTLINED] = 1.0
                rows[place, FIRST_CELL:] = rastered(outline, boxes[place], self.mask).ravel()

    @property
    def _longer(self) -> np.float32:
        return np.float32(max(self.sides.height, self.sides.width))

    def _shares(self, row: int) -> Floats:
        return np.asarray(self.labels(row).boxes.xyxy / self._longer, np.float32)
