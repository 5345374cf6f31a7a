"""Toy photos with coloured squares, and small stand-ins for trained detectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vm_worker.tasks.detection.boxes import Boxes, Detections, LabelledPhoto, iou

COLOURS = ((220, 60, 40), (40, 80, 220))


def squares(
    count: int, seed: int, width: int = 96, height: int = 96
) -> tuple[list[LabelledPhoto], list[NDArray[np.uint8]]]:
    """Draw photos with up to four squares of a quarter to half of the height; the colour is the class."""
    random = np.random.default_rng(seed)
    photos, pictures = [], []
    for index in range(count):
        pixels = np.clip(random.normal(110, 20, (height, width, 3)), 0, 255).astype(np.uint8)
        found = boxes()
        for _ in range(int(random.integers(0, 5))):
            side = int(random.integers(height // 4, height // 2))
            left, top = int(random.integers(0, width - side)), int(random.integers(0, height - side))
            one = np.array([[left, top, left + side, top + side]], np.float32)
            if len(found) and iou(one, found.xyxy).max() > 0.05:
                continue
            kind = int(random.integers(0, 2))
            pixels[top : top + side, left : left + side] = COLOURS[kind]
            found = Boxes(np.concatenate([found.xyxy, one]), np.append(found.classes, kind))
        photos.append(LabelledPhoto(f"{index}.png", width, height, found))
        pictures.append(pixels)
    return photos, pictures


def boxes(*xyxy: tuple[float, float, float, float], classes: tuple[int, ...] = ()) -> Boxes:
    """Labelled boxes; of class 0 where nothing else is said."""
    kinds = np.array(classes or [0] * len(xyxy), np.int64)
    return Boxes(np.array(xyxy, np.float32).reshape(-1, 4), kinds)


def detections(*rows: tuple[float, float, float, float, float], classes: tuple[int, ...] = ()) -> Detections:
    """Detections, each left, top, right, bottom and score."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(table[:, :4], table[:, 4], np.array(classes or [0] * len(table), np.int64))
