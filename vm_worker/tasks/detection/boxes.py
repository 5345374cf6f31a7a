"""Boxes of objects in photos: as people labelled them, and as a model found them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Polygon = Floats  # (points, 2) x and y, in pixels of the upright photo
Polygons = tuple[Polygon, ...]  # the outline of one object, in one part or more; empty: not known


@dataclass(frozen=True, eq=False)
class Boxes:
    """The labelled boxes of one photo, in pixels of the photo turned upright, at its full size.

    Raises ValueError for arrays whose shapes do not fit together.
    """

    xyxy: Floats  # (n, 4) left, top, right, bottom; left < right and top < bottom
    classes: Indices  # (n,) indices into the names of the classes
    polygons: tuple[Polygons, ...] = ()  # one an object, where any object of the photo has an outline

    def __post_init__(self) -> None:
        _check(self.xyxy, self.classes)
        if self.polygons and len(self.polygons) != len(self.xyxy):
            raise ValueError(f"{len(self.polygons)} outlines for {len(self.xyxy)} boxes")

    def __len__(self) -> int:
        return len(self.xyxy)

    def take(self, rows: Indices) -> Boxes:
        """Return these boxes alone; `rows` is (m,)."""
        polygons = tuple(self.polygons[row] for row in rows.tolist()) if self.polygons else ()
        return Boxes(self.xyxy[rows], self.classes[rows], polygons)

    def moved(self, factor: tuple[float, float], offset: tuple[float, float]) -> Boxes:
        """Return the labels with x and y times a factor, which may be negative, plus an offset."""
        by, to = np.array(factor, np.float32), np.array(offset, np.float32)
        corners = np.sort(self.xyxy.reshape(-1, 2, 2) * by + to, axis=1).reshape(-1, 4)
        polygons = tuple(tuple(part * by + to for part in outline) for outline in self.polygons)
        return Boxes(corners, self.classes, polygons)


@dataclass(frozen=True, eq=False)
class Detections:
    """The boxes that a model found in one photo, in pixels of the photo turned upright, at its full size.

    Raises ValueError for arrays whose shapes do not fit together.
    """

    xyxy: Floats  # (n, 4) left, top, right, bottom
    scores: Floats  # (n,) 0..1
    classes: Indices  # (n,) indices into the names of the classes
    masks: Floats | None = None  # (n, cells, cells) probability of the object in each cell of its box; None: not known

    def __post_init__(self) -> None:
        _check(self.xyxy, self.classes)
        if self.scores.shape != (len(self.xyxy),):
            raise ValueError(f"{self.scores.shape} scores for {len(self.xyxy)} boxes")

    def __len__(self) -> int:
        return len(self.xyxy)

    def take(self, rows: Indices) -> Detections:
        """Return these boxes alone; `rows` is (m,)."""
        masks = None if self.masks is None else self.masks[rows]
        return Detections(self.xyxy[rows], self.scores[rows], self.classes[rows], masks)

    def as_labels(self) -> Boxes:
        """Return the same boxes as labels, without their scores."""
        return Boxes(self.xyxy, self.classes)

    def counts(self, classes: int) -> tuple[int, ...]:
        """Return how many boxes there are of each class."""
        return tuple(np.bincount(self.classes, minlength=classes).tolist())

    def above(self, threshold: float) -> Detections:
        """Return the boxes whose score is at least `threshold`."""
        return self.take(np.flatnonzero(self.scores >= threshold))


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photo with its labelled boxes; none: the photo shows no object."""

    name: str  # cleaned path in the upload
    width: int  # pixels, of the photo turned upright
    height: int
    boxes: Boxes


def no_boxes() -> Boxes:
    """Return the boxes of a photo that shows no object."""
    return Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))


def no_detections() -> Detections:
    """Return the detections of a photo in which nothing was found."""
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


def area(xyxy: Floats) -> Floats:
    """Return the area of each box in square pixels, (n,) float32; 0 where right is not right of left."""
    width, height = xyxy[:, 2] - xyxy[:, 0], xyxy[:, 3] - xyxy[:, 1]
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0), np.float32)


def intersection(one: Floats, other: Floats) -> Floats:
    """Return the area that each box (n, 4) shares with each other box (m, 4), in square pixels: (n, m) float32."""
    left_top = np.maximum(one[:, None, :2], other[None, :, :2])
    right_bottom = np.minimum(one[:, None, 2:], other[None, :, 2:])
    sides = np.maximum(right_bottom - left_top, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def iou(one: Floats, other: Floats) -> Floats:
    """Return the intersection over union of each box (n, 4) with each other box (m, 4): (n, m) float32 0..1."""
    shared = intersection(one, other)
    union = area(one)[:, None] + area(other)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def containment(one: Floats, other: Floats) -> Floats:
    """Return how much of the smaller box lies in the other, for each pair: (n, m) float32 0..1."""
    smaller = np.minimum(area(one)[:, None], area(other)[None, :])
    return np.asarray(intersection(one, other) / np.maximum(smaller, 1e-9), np.float32)


def _check(xyxy: Floats, classes: Indices) -> None:
    if xyxy.ndim != 2 or xyxy.shape[1] != 4 or classes.shape != (len(xyxy),):
        raise ValueError(f"boxes {xyxy.shape} with classes {classes.shape}")
