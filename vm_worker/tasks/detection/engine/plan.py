"""The plan of a training, derived from the labels: the input's sides, tiles, level borders, views and steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Floats, LabelledPhoto, area
from vm_worker.tasks.detection.engine.detect import Settings
from vm_worker.tasks.detection.engine.effort import Effort as Effort
from vm_worker.tasks.detection.engine.levels import Borders, borders
from vm_worker.tasks.detection.engine.sides import STRIDES, Sides
from vm_worker.tasks.detection.engine.tiling import Tiling, tiling
from vm_worker.tasks.detection.engine.training.course import BATCH, Recipe

SEEN = 26.0  # input pixels that the median object should have at least: smaller ones are often missed
MIXED = 0.1  # share of photos that lie where others stand, from which the input is square
TILED = 40.0  # input pixels of the median object where photos are divided
VIEWS = (2, 12)  # of a frame, at least and at most
EPOCHS = (4, 60)
SHOWN = 76_000  # objects that a training shows, each as often as it is seen
FEWEST = 600  # steps, however many objects a frame has
RATE = 2e-3
EDGE = 0.002  # share of a photo's longer side within which a box ends at the photo's edge
CUT_SHARE = 0.3  # of the cut objects that are expected: with fewer boxes at the edge they are taken not to be labelled
CUT_LEAST = 20.0  # expected cut objects from which that is judged


@dataclass(frozen=True)
class EnginePlan(AsJson):
    """All decisions before a training."""

    backbone: str  # key of a row of the catalogue
    height: int  # pixels of the input
    width: int
    borders: Borders
    views: int  # of each frame, the plain one included
    recipe: Recipe
    tiling: Tiling = field(default_factory=Tiling)
    cut_ones: bool = True  # objects at a photo's edge are labelled
    upright: bool = False  # photos are not turned upside down for training

    @property
    def settings(self) -> Settings:
        """The settings before a threshold was searched."""
        return Settings(self.height, self.width, self.tiling, strides=self.borders.strides)

    @property
    def sides(self) -> Sides:
        """The sides of the input."""
        return Sides(self.height, self.width)


def planned(backbone: str, photos: Sequence[LabelledPhoto], effort: Effort | None = None) -> EnginePlan:
    """Plan a training on these photos, at least one."""
    effort = effort or Effort()
    sizes = [np.sqrt(area(photo.boxes.xyxy)) for photo in photos]
    longer, tiles = _input(photos, sizes, effort.inputs)
    sides = Sides(longer, longer) if tiles.side else _fitting(photos, longer)
    frames = sum(len(tiles.frames(photo.width, photo.height)) for photo in photos)
    views = int(np.clip(math.ceil(effort.rows / frames), *VIEWS))
    steps = min(effort.steps, _enough(sum(map(len, sizes)) / frames))
    epochs = int(np.clip(round(steps * BATCH / (views * frames)), *EPOCHS))
    seen = [_scale(photo, tiles, sides) * size for photo, size in zip(photos, sizes, strict=True)]
    return EnginePlan(
        backbone=backbone,
        height=sides.height,
        width=sides.width,
        borders=borders(np.concatenate(seen).astype(np.float32)),
        views=views,
        recipe=Recipe(epochs, 1.0, RATE),
        tiling=tiles,
        cut_ones=cut_ones_labelled(photos),
    )


def _enough(objects: float) -> int:
    """Return the steps after which more gain little, for so many objects a frame: each of a batch teaches something."""
    return max(FEWEST, round(SHOWN / (BATCH * max(objects, 1e-9))))


def _input(photos: Sequence[LabelledPhoto], sizes: Sequence[Floats], inputs: Sequence[int]) -> tuple[int, Tiling]:
    """Choose the smallest input in which the median object is seen; where there is none, divide the photos."""
    shares = [size / max(photo.width, photo.height) for photo, size in zip(photos, sizes, strict=True)]
    median = float(np.median(np.concatenate(shares))) if any(map(len, shares)) else 1.0
    for side in inputs:
        if median * side >= SEEN:
            return side, Tiling()
    side = inputs[min(1, len(inputs) - 1)]
    found = tiling(np.concatenate(sizes), [(photo.width, photo.height) for photo in photos], side, TILED)
    return (side, found) if found.side else (inputs[-1], found)


def _fitting(photos: Sequence[LabelledPhoto], longer: int) -> Sides:
    """Return sides of the photos' usual aspect, multiples of the coarsest cell; a square for photos of both kinds."""
    aspects = np.log([photo.width / photo.height for photo in photos])
    aspect = float(np.median(aspects))
    if np.mean(aspects * aspect < 0) > MIXED:
        return Sides(longer, longer)
    cell = STRIDES[-1]
    shorter = max(cell * 3, cell * math.ceil(round(longer * math.exp(-abs(aspect)) / cell, 2)))
    return Sides(shorter, longer) if aspect > 0 else Sides(longer, shorter)


def _scale(photo: LabelledPhoto, tiles: Tiling, sides: Sides) -> float:
    return tiles.frames(photo.width, photo.height)[0].scale(sides)


def cut_ones_labelled(photos: Sequence[LabelledPhoto]) -> bool:
    """Return whether objects that the photos' edges cut are labelled, as far as the number of boxes there tells.

    Tiles of larger photos often have whole objects labelled only. If objects lay anywhere, so many would be cut: all
    whose centre lies within half a size of an edge, against those that lie within.
    """
    expected, seen = 0.0, 0
    for photo in photos:
        if not len(photo.boxes):
            continue
        size = float(np.median(np.sqrt(area(photo.boxes.xyxy))))
        within = max(photo.width - size, 1.0) * max(photo.height - size, 1.0)
        with_cut = photo.width * photo.height
        expected += len(photo.boxes) * (1 - within / with_cut)
        near, box = max(1.0, EDGE * max(photo.width, photo.height)), photo.boxes.xyxy
        far = np.array([photo.width, photo.height]) - near
        ends = (box[:, :2] <= near).any(axis=1) | (box[:, 2:] >= far).any(axis=1)
        seen += int(ends.sum())
    return expected < CUT_LEAST or seen >= CUT_SHARE * expected
