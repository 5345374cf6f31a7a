"""Random views of pictures, for augmentation: a random window of each, perhaps mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from vm_worker.learn.arrays import Floats

ZOOM = (0.8, 1.05)  # the share of the picture's side that a view shows
SHIFT = 0.08  # largest shift of a view's centre, as a share of the side, either way


@dataclass(frozen=True)
class Viewing:
    """The views to make of each picture."""

    views: int  # the unchanged picture included
    mirror: bool  # whether views may be mirrored
    seed: int


def transforms(count: int, size: int, mirror: bool, random: np.random.Generator) -> Floats:
    """Draw random windows, half of them mirrored where that is allowed.

    The result (count, 8) float32 has Keras's affine coefficients, which map output pixels to input pixels.
    """
    zoom = random.uniform(*ZOOM, count)
    flip = np.where(random.random(count) < 0.5, -1.0, 1.0) if mirror else np.ones(count)
    centre = size / 2 + random.uniform(-SHIFT, SHIFT, (2, count)) * size
    rows = np.zeros((count, 8), np.float32)
    for column, scale, middle in ((0, zoom * flip, centre[0]), (4, zoom, centre[1])):
        rows[:, column] = scale
        rows[:, 2 if column == 0 else 5] = middle - scale * (size - 1) / 2
    return rows


def random_views(images: Floats, mirror: bool, random: np.random.Generator) -> Floats:
    """Return a random view of each of the pictures (m, s, s, 3)."""
    return windowed(images, transforms(len(images), images.shape[1], mirror, random))


def windowed(images: Floats, rows: Floats) -> Floats:
    """Return the windows of the pictures (m, s, s, 3) that `transforms` has drawn, (m, 8)."""
    return np.asarray(keras.ops.image.affine_transform(images, rows, fill_mode="reflect"), np.float32)
