"""Tiles of large photos: the same in training, test and service, and one count for the whole photo.

Tiles overlap by the size of a large object, so that each object is whole in one of them. A box that an inner border of
a tile cuts is dropped where the neighbour must see it whole. What is left is merged by one non-maximum suppression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Detections, Floats, no_detections
from vm_worker.tasks.detection.engine.frames import Frame

TOUCHING = 0.01  # share of a tile's side within which a box touches its border
OVERLAP = 1.3  # times the size of a large object: sizes are square roots of areas, and objects are longer than wide
LARGEST = 0.75  # share of a photo's longer side that a tile may have
ENLARGED = 1.5  # times that a tile is enlarged at most: there is nothing more to see
INSIDE = 0.8  # share of the smaller of two boxes of different tiles in the other from which they are one object


@dataclass(frozen=True)
class Tiling(AsJson):
    """How photos are divided, in their pixels."""

    side: int = 0  # of a tile; 0: photos are not divided
    overlap: int = 0  # of neighbours

    def frames(self, width: int, height: int) -> tuple[Frame, ...]:
        """Return the frames of a photo: the whole photo where it is hardly larger than a tile."""
        if not self.side or max(width, height) <= self.side * 1.1:
            return (Frame(0, 0, width, height),)
        across, down = self._starts(width), self._starts(height)
        side = self.side
        return tuple(Frame(x, y, min(side, width), min(side, height)) for y in down for x in across)

    def _starts(self, length: int) -> list[int]:
        """Return where tiles begin: at even distances, the last one ends at the border."""
        if length <= self.side:
            return [0]
        count = math.ceil((length - self.overlap) / (self.side - self.overlap))
        return [round(step * (length - self.side) / (count - 1)) for step in range(count)]

    def kept(self, found: Detections, frame: Frame, width: int, height: int) -> Detections:
        """Drop the boxes that an inner border of the frame cuts and that a neighbour sees whole.

        The boxes are in pixels of the photo, whose sides are `width` and `height`.
        """
        near = TOUCHING * max(frame.width, frame.height)
        xyxy, right, bottom = found.xyxy, frame.left + frame.width, frame.top + frame.height
        cut_across = (frame.left > 0) & (xyxy[:, 0] <= frame.left + near)
        cut_across |= (right < width) & (xyxy[:, 2] >= right - near)
        cut_down = (frame.top > 0) & (xyxy[:, 1] <= frame.top + near)
        cut_down |= (bottom < height) & (xyxy[:, 3] >= bottom - near)
        # The overlap contains an object that is not longer than it, apart from what the border may hide.
        fits_across = xyxy[:, 2] - xyxy[:, 0] < self.overlap - near
        fits_down = xyxy[:, 3] - xyxy[:, 1] < self.overlap - near
        return found.take(np.flatnonzero(~((cut_across & fits_across) | (cut_down & fits_down))))


def joined(parts: Sequence[Detections]) -> Detections:
    """Return the boxes of all frames of a photo as one."""
    if not parts:
        return no_detections()
    xyxy, scores, classes = ([getattr(one, name) for one in parts] for name in ("xyxy", "scores", "classes"))
    masks = [one.masks for one in parts if one.masks is not None]
    whole = np.concatenate(masks) if len(masks) == len(parts) else None
    return Detections(np.concatenate(xyxy), np.concatenate(scores), np.concatenate(classes), whole)


def tiling(sizes: Floats, sides: Sequence[tuple[int, int]], input_side: int, wanted: float) -> Tiling:
    """Choose tiles so that the median object has `wanted` pixels in the network's input.

    `sizes` (n,) are those of the labelled objects and `sides` (width, height) those of the photos, in pixels. Photos
    are not divided where a tile would be most of a photo.
    """
    if not len(sizes):
        return Tiling()
    longest = float(np.median([max(one) for one in sides]))
    side = round(float(np.median(sizes)) * input_side / wanted)
    overlap = math.ceil(float(np.percentile(sizes, 95)) * OVERLAP)
    side = max(side, 3 * overlap, round(input_side / ENLARGED))
    return Tiling(side, overlap) if side < longest * LARGEST else Tiling()
