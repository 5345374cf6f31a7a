"""Random views of pictures: a window of each, perhaps mirrored. Float pixels in, float pixels out."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

ZOOM = (0.8, 1.05)  # how much of the picture's side a view shows
SHIFT = 0.08  # of the side, either way


@dataclass(frozen=True)
class Viewing:
    """Which views to make."""

    views: int  # the plain one included
    mirror: bool
    seed: int


def transforms(count: int, size: int, mirror: bool, random: np.random.Generator) -> NDArray[np.float32]:
    """Random windows, half of them mirrored where that is allowed: (count, 8), from output to input pixels."""
    zoom = random.uniform(*ZOOM, count)
    flip = np.where(random.random(count) < 0.5, -1.0, 1.0) if mirror else np.ones(count)
    centre = size / 2 + random.uniform(-SHIFT, SHIFT, (2, count)) * size
    rows = np.zeros((count, 8), np.float32)
    for column, scale, middle in ((0, zoom * flip, centre[0]), (4, zoom, centre[1])):
        rows[:, column] = scale
        rows[:, 2 if column == 0 else 5] = middle - scale * (size - 1) / 2
    return rows


def seen(images: NDArray[np.float32], mirror: bool, random: np.random.Generator) -> NDArray[np.float32]:
    """A random view of each of (m, s, s, 3) pictures."""
    rows = transforms(len(images), images.shape[1], mirror, random)
    return np.asarray(keras.ops.image.affine_transform(images, rows, fill_mode="reflect"), np.float32)
