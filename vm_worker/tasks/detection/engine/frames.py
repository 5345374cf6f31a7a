"""Frames: the parts of photos that a network sees, and their pixels fitted into its input.

A small photo is one frame, a large one several (`tiling`). A frame keeps its aspect: it lies in the upper left of the
picture, the rest is grey.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels
from vm_worker.intake.windows import window
from vm_worker.tasks.detection.boxes import Boxes, Detections, Floats, Indices, area
from vm_worker.tasks.detection.engine.sides import Sides

VISIBLE = 0.35  # share of an object's area that a frame must show for the object to be learnt there
WHOLE = 0.9  # share of its area from which an object counts as shown in full


@dataclass(frozen=True)
class Frame:
    """A window of a photo, in pixels of the photo turned upright."""

    left: int
    top: int
    width: int
    height: int

    def scale(self, sides: Sides) -> float:
        """Return the factor from the photo's pixels to those of a picture of these sides."""
        return min(sides.width / self.width, sides.height / self.height)


@dataclass(frozen=True, eq=False)
class FrameLabels:
    """The labels of a frame, in pixels of its picture."""

    boxes: Boxes  # cut off at the frame's border
    ignored: Floats  # (m, 4) places that are neither object nor background, such as slivers of an object


@dataclass(frozen=True, eq=False)
class Frames:
    """All frames that an engine learns from, or is judged on."""

    pixels: NDArray[np.uint8]  # (n, height, width, 3) of the pictures, usually a memory map
    labels: tuple[FrameLabels, ...]  # (n,)
    photos: Indices  # (n,) the photo of each frame

    @property
    def sides(self) -> Sides:
        """The sides of the pictures."""
        return Sides(*self.pixels.shape[1:3])

    def __len__(self) -> int:
        return len(self.labels)


def picture(photo: Pixels, frame: Frame, sides: Sides) -> Pixels:
    """Return a frame of a photo (h, w, 3) as a picture (height, width, 3) uint8 of these sides."""
    scale = frame.scale(sides)
    width, height = sides.width / scale, sides.height / scale
    part = photo[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width]
    return window(part, (0.0, 0.0, width, height), (sides.height, sides.width))


def labelled(boxes: Boxes, frame: Frame, sides: Sides, cut_ones: bool = True) -> FrameLabels:
    """Return a photo's labels as a frame shows them. Objects outside are left out.

    Where the frame shows too little of an object it is ignored, or background where `cut_ones` is False: that is how
    objects at the borders are labelled in the photos, see `edges`.
    """
    scale = frame.scale(sides)
    moved = boxes.moved((scale, scale), (-frame.left * scale, -frame.top * scale))
    return clipped(moved, (frame.width * scale, frame.height * scale), VISIBLE if cut_ones else None)


def clipped(boxes: Boxes, limits: tuple[float, float], visible: float | None) -> FrameLabels:
    """Cut boxes off at a picture's border, `limits` (width, height), and drop those of which too little is left.

    `visible` is the least share of the area; None: objects at the border are no objects, nor ignored.
    """
    right, bottom = limits
    inside = np.clip(boxes.xyxy, 0, np.array([right, bottom, right, bottom], np.float32))
    share = area(inside) / np.maximum(area(boxes.xyxy), 1e-9)
    least = visible if visible is not None else WHOLE
    kept = np.flatnonzero(share >= least)
    slivers = np.flatnonzero((share > 0) & (share < least)) if visible is not None else kept[:0]
    whole = boxes.take(kept)
    return FrameLabels(Boxes(inside[kept].astype(np.float32), whole.classes, whole.polygons), inside[slivers])


def into_photo(found: Detections, frame: Frame, sides: Sides) -> Detections:
    """Turn detections in a frame's picture into detections in its photo, cut off at the frame's border."""
    xyxy = found.xyxy / np.float32(frame.scale(sides))
    limits = np.array([frame.width, frame.height] * 2, np.float32)
    offset = np.array([frame.left, frame.top] * 2, np.float32)
    return replace(found, xyxy=(np.clip(xyxy, 0, limits) + offset).astype(np.float32))
