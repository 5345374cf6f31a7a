"""Cut windows from decoded pictures and resize them."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from vm_worker.intake.arrays import Pixels

GREY = 114  # of what lies outside the picture


def window(picture: Pixels, box: tuple[float, float, float, float], sides: tuple[int, int]) -> Pixels:
    """Return what lies in the box, resized to `sides` (height, width): uint8 RGB, bilinear with antialias.

    `picture` is (h, w, 3), `box` has left, top, right and bottom in its pixels and may reach beyond it: outside is
    grey.
    """
    height, width = sides
    left, top, right, bottom = box
    across, down = width / (right - left), height / (bottom - top)
    inside = (max(left, 0.0), max(top, 0.0), min(right, picture.shape[1]), min(bottom, picture.shape[0]))
    result = np.full((height, width, 3), GREY, np.uint8)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return result
    x, y = (round((inside[0] - left) * across), round((inside[1] - top) * down))
    w = min(width - x, max(1, round((inside[2] - inside[0]) * across)))
    h = min(height - y, max(1, round((inside[3] - inside[1]) * down)))
    if w < 1 or h < 1:
        return result
    # Only what is needed is copied into Pillow's picture.
    x0, y0 = math.floor(inside[0]), math.floor(inside[1])
    piece = Image.fromarray(np.ascontiguousarray(picture[y0 : math.ceil(inside[3]), x0 : math.ceil(inside[2])]))
    edges = (inside[0] - x0, inside[1] - y0, inside[2] - x0, inside[3] - y0)
    result[y : y + h, x : x + w] = np.asarray(piece.resize((w, h), Image.Resampling.BILINEAR, box=edges))
    return result
