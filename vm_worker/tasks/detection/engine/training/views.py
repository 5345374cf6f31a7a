"""Augmented views of frames: a mirrored, scaled, shifted and recoloured picture with its labels.

View 0 is the plain picture. Views are drawn once, so that their maps can be cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.intake.arrays import Pixels
from vm_worker.intake.windows import window
from vm_worker.tasks.detection.boxes import Boxes, Floats, area
from vm_worker.tasks.detection.engine.frames import VISIBLE, FrameLabels, clipped
from vm_worker.tasks.detection.engine.sides import Sides

ZOOM = (0.75, 1.35)  # of an object's size against the plain view, drawn evenly in the logarithm
BRIGHTNESS = 0.15  # largest change of brightness and contrast, as a share, either way
TINT = 0.06  # the same of each colour


@dataclass(frozen=True)
class View:
    """A view: which window of the picture it shows, and how it is changed."""

    zoom: float = 1.0
    left: float = 0.0  # of the window, as a share of the picture's sides
    top: float = 0.0
    mirror: bool = False  # left and right change places
    upside: bool = False  # above and below change places
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shift: float = 0.0  # added to all colours


def drawn(frames: int, views: int, upright: bool, random: np.random.Generator) -> list[list[View]]:
    """Draw `views` views for each frame: [view][frame]. The first one is plain.

    The four ways to mirror come in turns, so that the views of a frame differ; two, where pictures stay `upright`.
    """
    turns = [random.permutation(2 if upright else 4) for _ in range(frames)]
    plain = [View()] * frames
    return [plain, *([_view(int(turn[view % len(turn)]), random) for turn in turns] for view in range(1, views))]


def _view(turn: int, random: np.random.Generator) -> View:
    zoom = float(np.exp(random.uniform(*np.log(ZOOM))))
    room = 1 - 1 / zoom  # below 0 where the window is larger than the picture
    left, top = (float(random.uniform(min(0, room), max(0, room))) for _ in range(2))
    contrast = 1 + random.uniform(-BRIGHTNESS, BRIGHTNESS)
    tints = contrast * (1 + random.uniform(-TINT, TINT, 3))
    shift = float(random.uniform(-BRIGHTNESS, BRIGHTNESS) * 128)
    return View(
        zoom, left, top, bool(turn & 1), bool(turn & 2), (float(tints[0]), float(tints[1]), float(tints[2])), shift
    )


def seen(picture: Pixels, view: View, sides: Sides) -> Pixels:
    """Return a view of a picture (h, w, 3), at these sides: (height, width, 3) uint8."""
    height, width = picture.shape[:2]
    left, top = view.left * width, view.top * height
    box = (left, top, left + width / view.zoom, top + height / view.zoom)
    pixels = window(picture, box, (sides.height, sides.width))
    if view.gains != (1.0, 1.0, 1.0) or view.shift:
        changed = (pixels - np.float32(128)) * np.array(view.gains, np.float32) + np.float32(128 + view.shift)
        pixels = np.clip(changed, 0, 255).astype(np.uint8)
    pixels = pixels[:, ::-1] if view.mirror else pixels
    return pixels[::-1] if view.upside else pixels


@dataclass(frozen=True)
class Viewer:
    """What turns a frame's labels into those of its views."""

    of: Sides  # of the frames' pictures
    to: Sides  # of the views
    cut_ones: bool  # whether objects at the border of a picture are labelled

    def labels(self, labels: FrameLabels, view: View) -> FrameLabels:
        """Return the labels of a view, in its pixels."""
        kept = clipped(
            self._moved(labels.boxes, view),
            (self.to.width, self.to.height),
            VISIBLE if self.cut_ones else None,
        )
        slivers = Boxes(labels.ignored, np.zeros(len(labels.ignored), np.int64))
        return FrameLabels(kept.boxes, np.concatenate([self._moved(slivers, view).xyxy, kept.ignored]))

    def _moved(self, boxes: Boxes, view: View) -> Boxes:
        x, y = view.zoom * self.to.width / self.of.width, view.zoom * self.to.height / self.of.height
        moved = boxes.moved((x, y), (-view.left * self.of.width * x, -view.top * self.of.height * y))
        moved = moved.moved((-1.0, 1.0), (self.to.width, 0.0)) if view.mirror else moved
        return moved.moved((1.0, -1.0), (0.0, self.to.height)) if view.upside else moved


def sizes(labels: Sequence[FrameLabels]) -> Floats:
    """Return the sizes of all boxes, the square root of their area in pixels of their pictures: (n,)."""
    xyxy = np.concatenate([np.zeros((0, 4), np.float32), *(one.boxes.xyxy for one in labels)])
    return np.sqrt(area(xyxy))
