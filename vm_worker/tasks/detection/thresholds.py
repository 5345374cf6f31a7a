"""What other thresholds would find: the steps of the report's threshold sheet, and the boxes on it.

The more certain boxes choose their labels first, so whether a box has a label does not depend on the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import Judged
from vm_worker.tasks.detection.results import Mark, Step

TENTHS = tuple(round(0.1 * number, 1) for number in range(1, 10))
APART = 0.03  # a tenth that is nearer to the chosen threshold is left out
MARKS = 1500  # boxes on a sheet, at most


def thresholds(chosen: float) -> tuple[float, ...]:
    """Return the thresholds of the steps: the tenths, and the chosen one."""
    return tuple(sorted([chosen, *(one for one in TENTHS if abs(one - chosen) >= APART)]))


def steps(photos: Sequence[Judged], values: Sequence[float]) -> tuple[Step, ...]:
    """Return what each threshold would find in these photos."""
    scores, right = [np.zeros(0, np.float32)], [np.zeros(0, bool)]
    for photo in photos:
        scores.append(photo.found.scores)
        right.append(matches(photo.found, photo.truth) >= 0)
    every, hits = np.concatenate(scores), np.concatenate(right)
    return tuple(
        Step(value, int((hits & (every >= value)).sum()), int((~hits & (every >= value)).sum())) for value in values
    )


def marks(photos: Sequence[tuple[Judged, float, tuple[int, int]]], values: Sequence[float]) -> tuple[Mark, ...]:
    """Return the boxes of photos on a sheet, each photo with its scale and its left upper corner there."""
    found = [one for photo, scale, corner in photos for one in _marks(photo, scale, corner, np.array(values))]
    return tuple(sorted(found, key=lambda one: one.kind != "missed")[:MARKS])


def _marks(
    photo: Judged, scale: float, corner: tuple[int, int], values: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> list[Mark]:
    chosen = matches(photo.found, photo.truth)
    best = np.full(len(photo.truth), -1.0)  # score of the box that finds each label
    best[chosen[chosen >= 0]] = photo.found.scores[chosen >= 0]
    last = np.searchsorted(values, photo.found.scores.astype(np.float64) + 1e-6, side="right") - 1
    first = np.searchsorted(values, best + 1e-6, side="right")
    found = [
        _mark(box, scale, corner, "found" if label >= 0 else "unlabelled", int(step))
        for box, label, step in zip(photo.found.xyxy, chosen, last, strict=True)
        if step >= 0
    ]
    missed = [
        _mark(box, scale, corner, "missed", int(step))
        for box, step in zip(photo.truth.xyxy, first, strict=True)
        if step < len(values)
    ]
    return [*found, *missed]


def _mark(box: Floats, scale: float, corner: tuple[int, int], kind: str, step: int) -> Mark:
    left, top, right, bottom = (float(side) * scale for side in box)
    size = max(1, round(right - left)), max(1, round(bottom - top))
    return Mark(round(left) + corner[0], round(top) + corner[1], *size, kind, step)
