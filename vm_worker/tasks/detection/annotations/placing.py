"""Place the marks of a photo in the photo itself: turned upright, at its true size, cut at its edges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.extents import Shape
from vm_worker.tasks.detection.annotations.drawn import DrawnBox, DrawnPhoto, Mend
from vm_worker.tasks.detection.boxes import Boxes, LabelledPhoto, Polygons, no_boxes

Points = NDArray[np.float64]  # (n, 2) x and y

SLACK = 1.5  # pixels past the edge that are rounding, and not told
LEAST = 1.0  # pixels a side; a smaller box cannot be seen
SQUASHED = 0.02  # a declared size with sides in another proportion than that is of another photo


@dataclass(frozen=True)
class Placed:
    """A photo with its boxes, and what was put right."""

    photo: LabelledPhoto
    mended: Mapping[Mend, int]
    turned: bool = False  # the labels were drawn on the photo before it was turned upright
    scaled: bool = False  # the labels were drawn on a photo of another size
    stretched: bool = False  # that had another proportion, too, which makes the labels doubtful


def place(drawn: DrawnPhoto, name: str, shape: Shape, classes: Mapping[str, int]) -> Placed:
    """Return the photo `name` with the boxes that are drawn on it. `classes` gives the index of each class's name."""
    width, height = shape.upright
    frame, turned = _frame(drawn, shape)
    factors = np.array(shape.upright if not turned else shape.stored, np.float64) / np.array(frame, np.float64)
    mended: Counter[Mend] = Counter()
    rows: list[tuple[Points, DrawnBox, Polygons]] = []
    for box in dict.fromkeys(drawn.boxes):
        move = _Move(factors, shape if turned else None)
        corners = move(np.array(box.xyxy, np.float64).reshape(2, 2))
        cut = _cut(corners, width, height, mended)
        if cut is not None:
            outline = tuple(_polygon(move, part, width, height) for part in box.outline)
            rows.append((cut, box, outline))
    mended[Mend.DOUBLED] += len(drawn.boxes) - len(set(drawn.boxes))
    scale = 1.0 if drawn.relative else float(abs(np.log(factors)).max())
    return Placed(
        photo=LabelledPhoto(name, width, height, _boxes(rows, classes)),
        mended={mend: count for mend, count in mended.items() if count},
        turned=turned,
        scaled=not drawn.relative and scale > 1e-9,
        stretched=not drawn.relative and abs(np.log(factors[0] / factors[1])) > SQUASHED,
    )


def _frame(drawn: DrawnPhoto, shape: Shape) -> tuple[tuple[float, float], bool]:
    """Return the size that the coordinates refer to, and whether the photo was lying on its side there.

    The declared size tells which way round the labeller saw the photo. Where it fits both ways or none, most tools show
    photos upright.
    """
    if drawn.relative:
        return (1.0, 1.0), False
    if drawn.size is None:
        return shape.upright, False
    lying = drawn.size == shape.stored != shape.upright
    return drawn.size, lying


@dataclass(frozen=True)
class _Move:
    """Moves points from the labeller's picture to the upright photo at its full size."""

    factors: NDArray[np.float64]  # (2,)
    shape: Shape | None  # None: the labeller's picture was upright

    def __call__(self, points: Points) -> Points:
        scaled = points * self.factors
        return scaled if self.shape is None else self.shape.turn(scaled)


def _cut(corners: Points, width: int, height: int, mended: Counter[Mend]) -> Points | None:
    """Return left top and right bottom, (2, 2), inside the photo; None where nothing is left of the box."""
    edges = np.array([width, height], np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    if (high - low).min() < LEAST:
        mended[Mend.EMPTY] += 1
        return None
    inside = np.stack([np.clip(low, 0, edges), np.clip(high, 0, edges)])
    if (inside[1] - inside[0]).min() < LEAST:
        mended[Mend.OUTSIDE] += 1
        return None
    if max(float(-low.min()), float((high - edges).max())) > SLACK:
        mended[Mend.CLIPPED] += 1
    return inside


def _polygon(move: _Move, part: Sequence[float], width: int, height: int) -> NDArray[np.float32]:
    points = move(np.array(part, np.float64).reshape(-1, 2))
    return np.clip(points, 0, [width, height]).astype(np.float32)


def _boxes(rows: Sequence[tuple[Points, DrawnBox, Polygons]], classes: Mapping[str, int]) -> Boxes:
    if not rows:
        return no_boxes()
    xyxy = np.array([corners.reshape(4) for corners, _, _ in rows], np.float32)
    outlines = tuple(outline for _, _, outline in rows)
    labels = np.array([classes[box.label] for _, box, _ in rows], np.int64)
    return Boxes(xyxy, labels, outlines if any(outlines) else ())
