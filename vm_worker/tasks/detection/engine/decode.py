"""From a detector's outputs to boxes: threshold, boxes from distances, and non-maximum suppression, in NumPy.

It lies outside the model file: every loader gets the same boxes, and the threshold can be changed afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Detections, Floats, Indices, containment, iou
from vm_worker.tasks.detection.engine.sides import Sides, levels, points

UNIT = 16.0  # sides that a second stage gives are in such parts of a picture's longer side
MOST = 3000  # boxes of a picture that suppression looks at, the most certain ones


@dataclass(frozen=True)
class Decoding(AsJson):
    """The settings that were searched on the validation photos."""

    threshold: float = 0.4  # score from which a box counts
    overlap: float = 0.5  # IoU from which the less certain of two boxes of a class is a double
    least: float = 0.05  # score below which boxes are not decoded at all


def decoded(
    scores: Floats, distances: Floats, sides: Sides, least: float, strides: Sequence[int] | None = None
) -> Detections:
    """Return the boxes of one picture whose score is at least `least`, in its pixels, the most certain first.

    `scores` is (points, classes), `distances` (points, 4) in cells. A point gives one box for its most certain class.
    Which strides the levels have is told by the number of points where it is not said. Raises ValueError for a number
    that no levels have.
    """
    best = scores.max(axis=1)
    rows = np.flatnonzero(best >= least)
    rows = rows[np.argsort(-best[rows], kind="stable")][:MOST]
    centres, cells = points(sides, strides or levels(sides, len(scores)))
    at, reach = centres[rows], distances[rows] * cells[rows, None]
    xyxy = np.concatenate([at - reach[:, :2], at + reach[:, 2:]], axis=1)
    limits = np.array([sides.width, sides.height] * 2, np.float32)
    xyxy = np.clip(xyxy, 0, limits).astype(np.float32)
    return Detections(xyxy, best[rows].astype(np.float32), scores[rows].argmax(axis=1).astype(np.int64))


def refined(scores: Floats, rest: Floats, sides: Sides, least: float, mask: int) -> Detections:
    """Return the boxes of one picture by a second stage whose score is at least `least`, in the picture's pixels.

    `scores` is (boxes, classes); `rest` is (boxes, 4 + mask * mask), the sides in UNITs of the longer side of the
    picture, and the mask's cells.
    """
    best = scores.max(axis=1)
    rows = np.flatnonzero(best >= least)
    xyxy = rest[rows, :4] * np.float32(max(sides.height, sides.width) / UNIT)
    xyxy = np.clip(xyxy, 0, np.array([sides.width, sides.height] * 2, np.float32)).astype(np.float32)
    masks = rest[rows, 4:].reshape(-1, mask, mask).astype(np.float32) if mask else None
    found = Detections(xyxy, best[rows].astype(np.float32), scores[rows].argmax(axis=1).astype(np.int64), masks)
    return found.take(np.flatnonzero((xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])))


def suppressed(found: Detections, overlap: float, inside: float | None = None) -> Detections:
    """Return the detections without doubles, the most certain first (greedy non-maximum suppression by class).

    A box is a double of a more certain one where their IoU is above `overlap`, or the share of the smaller one that
    lies in the other is above `inside`.
    """
    found = found.take(np.argsort(-found.scores, kind="stable"))
    return found.take(_kept(found, overlap, inside))


def _kept(found: Detections, overlap: float, inside: float | None) -> Indices:
    alive = np.ones(len(found), bool)
    kept = []
    for row in range(len(found)):
        if not alive[row]:
            continue
        kept.append(row)
        later = row + 1 + np.flatnonzero(alive[row + 1 :] & (found.classes[row + 1 :] == found.classes[row]))
        one, others = found.xyxy[row : row + 1], found.xyxy[later]
        double = iou(one, others)[0] > overlap
        if inside is not None:
            double |= containment(one, others)[0] > inside
        alive[later[double]] = False
    return np.array(kept, np.int64)
