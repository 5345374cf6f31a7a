"""Outlines of objects: polygons as masks of some cells in a box, masks as polygons, and how well two agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vm_worker.tasks.detection.boxes import Detections, Floats, Polygon, Polygons

Point = tuple[float, float]  # x and y

FINER = 4  # points along each side of a cell, that are looked at
NUDGE = 1e-3
INSIDE = 0.5  # probability from which a cell belongs to an object
GRID = 64  # points along each side on which two outlines are compared


def rastered(outline: Polygons, box: Floats, cells: int) -> Floats:
    """Return how much of each cell of a box (4,) lies in an outline: (cells, cells) float32 0..1.

    A point is inside where a line to its left crosses the outline an odd number of times.
    """
    fine = cells * FINER
    crossed = np.zeros((fine, fine + 1), np.int64)
    middle = np.arange(fine) + 0.5
    size = np.maximum(box[2:] - box[:2], 1e-6)
    for part in outline:
        corners = (part - box[:2]) / size * fine
        (x, y), (to_x, to_y) = corners.T, np.roll(corners, -1, axis=0).T
        rows, edges = np.nonzero((y <= middle[:, None]) != (to_y <= middle[:, None]))
        along = (middle[rows] - y[edges]) / (to_y - y)[edges]
        at = x[edges] + along * (to_x - x)[edges]
        np.add.at(crossed, (rows, np.clip(np.ceil(at - 0.5), 0, fine).astype(np.int64)), 1)
    inside = np.cumsum(crossed, axis=1)[:, :fine] % 2
    return np.asarray(inside.reshape(cells, FINER, cells, FINER).mean(axis=(1, 3)), np.float32)


def outline(mask: Floats, box: Floats) -> Polygon:
    """Return the longest border of a mask (cells, cells) of a box (4,) as polygon, in the box's coordinates: (n, 2).

    Borders run between the middles of cells, where the probability is INSIDE (marching squares: Lorensen and Cline,
    1987). A mask without such a cell gets the box itself.
    """
    steps = _steps(np.pad(mask, 1))
    best: list[Point] = []
    while steps:
        start, following = steps.popitem()
        way = [start]
        while following in steps:
            way.append(following)
            following = steps.pop(following)
        best = max(best, way, key=len)
    cells = np.array(mask.shape[::-1], np.float32)
    if len(best) < 3:
        left, top, right, bottom = box.tolist()
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    places = np.clip((np.array(best, np.float32) - 0.5) / cells, 0, 1)  # the padding is one cell
    return np.asarray(box[:2] + places * (box[2:] - box[:2]), np.float32)


def polygons(found: Detections) -> list[list[list[float]]]:
    """Return the outline of each object as points [x, y], in tenths of a pixel; no points where there is no mask."""
    if found.masks is None:
        return [[] for _ in found.xyxy]
    rows = zip(found.masks, found.xyxy, strict=True)
    return [[[round(x, 1), round(y, 1)] for x, y in outline(mask, box).tolist()] for mask, box in rows]


def polygon_area(points: Sequence[Sequence[float]]) -> float:
    """Return the area of a polygon by the shoelace formula, in square pixels."""
    x, y = np.array(points, np.float64).reshape(-1, 2).T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def overlap(mask: Floats, box: Floats, truth: Polygons) -> float:
    """Return the intersection over union of a mask of a box (4,) with an outline, 0..1."""
    points = np.concatenate([*truth, box.reshape(2, 2)])
    low, high = points.min(axis=0), points.max(axis=0)
    grid = low + (np.arange(GRID)[:, None] + 0.5) / GRID * (high - low)  # (GRID, 2)
    cells = np.array(mask.shape[::-1])
    at = (grid - box[:2]) / np.maximum(box[2:] - box[:2], 1e-6) * cells - 0.5
    weights = [_hat(at[:, axis], int(cells[axis])) for axis in (0, 1)]
    ours = weights[1] @ mask @ weights[0].T >= INSIDE
    theirs = rastered(truth, np.concatenate([low, high]), GRID) >= INSIDE
    union = int((ours | theirs).sum())
    return float((ours & theirs).sum()) / union if union else 0.0


def _hat(at: Floats, cells: int) -> Floats:
    """Return the weights of cells for linear interpolation at places (n,): (n, cells); all 0 outside of them."""
    within = (at >= -0.5) & (at <= cells - 0.5)
    weights = np.maximum(0, 1 - np.abs(np.clip(at, 0, cells - 1)[:, None] - np.arange(cells)[None, :]))
    return np.asarray(weights * within[:, None], np.float32)


def _steps(mask: Floats) -> dict[Point, Point]:
    """Return the border's pieces, each from a point to the next one, with the object on the right."""
    steps: dict[Point, Point] = {}
    # A border through a cell's middle would have two pieces that begin at one point.
    mask = np.where(np.abs(mask - INSIDE) < NUDGE, np.float32(INSIDE + NUDGE), mask)
    inside = mask >= INSIDE
    squares = inside[:-1, :-1] | inside[1:, :-1] | inside[:-1, 1:] | inside[1:, 1:]
    squares &= ~(inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:])
    for row, column in np.argwhere(squares).tolist():
        corners = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
        values = [float(mask[corner]) for corner in corners]
        enters: list[Point] = []
        leaves: list[Point] = []
        for number in range(4):
            one, other = values[number], values[(number + 1) % 4]
            if (one >= INSIDE) == (other >= INSIDE):
                continue
            part = (INSIDE - one) / (other - one)
            (y, x), (down, right) = corners[number], corners[(number + 1) % 4]
            point = (round(x + part * (right - x), 4), round(y + part * (down - y), 4))
            (leaves if one >= INSIDE else enters).append(point)
        steps.update(zip(leaves, enters, strict=True))
    return steps
