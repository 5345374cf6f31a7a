"""What a detector's boxes are worth: how many objects were found, missed and invented, and how right the counts are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Boxes, Detections, Floats, containment, iou
from vm_worker.tasks.detection.engine.outlines import overlap
from vm_worker.tasks.detection.engine.precision import Precision, matches, precisions

EDGE = 0.01  # share of a photo's longer side within which a box touches the photo's edge
DOUBLE = 0.5  # IoU, or share of the smaller box, from which a further box is a double


@dataclass(frozen=True, eq=False)
class Judged:
    """One photo with its labels and all boxes that the model gave, however uncertain."""

    width: int  # pixels
    height: int
    truth: Boxes
    found: Detections  # without doubles, from the lowest score that is decoded on


@dataclass(frozen=True)
class ClassScores(AsJson):
    """The figures of one class."""

    boxes: int  # labelled
    found: int
    false: int
    ap50: float | None  # None: no labels
    ap: float | None


@dataclass(frozen=True)
class DetectionScores(AsJson):
    """The figures of some photos. Found, false and counts are those at the threshold, precisions over all scores."""

    map50: float  # mean over the classes with labels
    map: float
    labelled: int  # boxes
    found: int
    false: int  # boxes without a label of their class, those at the edge included
    edge: int  # of `false`, boxes that touch the photo's edge, where labels are often missing
    doubles: int  # of `false`, further boxes on an object that was found
    count_error: float  # mean of |counted - labelled|, objects a photo
    count_rmse: float
    bias: float  # mean of counted - labelled
    inner_count_error: float  # the mean error without the false boxes at the edge
    classes: tuple[ClassScores, ...]

    @property
    def missed(self) -> int:
        """Labelled boxes that were not found."""
        return self.labelled - self.found

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return f1(self.labelled, self.found, self.false)


def f1(labelled: int, found: int, false: int) -> float:
    """Return the harmonic mean of precision and recall, 0..1; 1 where there was nothing to find and nothing found."""
    return 2 * found / (labelled + found + false) if labelled + found + false else 1.0


def score(photos: Sequence[Judged], classes: int, threshold: float) -> DetectionScores:
    """Score the boxes of some photos, at least one; those with a score of at least `threshold` are counted."""
    ap = precisions([one.found for one in photos], [one.truth for one in photos], classes)
    counted = [_counted(one, threshold, classes) for one in photos]
    error = np.array([one.error for one in counted], np.float64)
    inner = np.array([one.error - one.edge for one in counted], np.float64)
    known = [one for one in ap if one is not None]
    totals = np.sum([one.by_class for one in counted], axis=0)
    return DetectionScores(
        map50=float(np.mean([one.ap50 for one in known])) if known else 0.0,
        map=float(np.mean([one.ap for one in known])) if known else 0.0,
        labelled=sum(len(one.truth) for one in photos),
        found=sum(one.found for one in counted),
        false=sum(one.false for one in counted),
        edge=sum(one.edge for one in counted),
        doubles=sum(one.doubles for one in counted),
        count_error=float(np.abs(error).mean()),
        count_rmse=float(np.sqrt(np.square(error).mean())),
        bias=float(error.mean()),
        inner_count_error=float(np.abs(inner).mean()),
        classes=tuple(_class_scores(one, row) for one, row in zip(ap, totals.tolist(), strict=True)),
    )


def counts(
    photos: Sequence[Judged], classes: int, threshold: float
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int64]], np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    """Return the numbers of labelled and of counted objects by class, (photos, classes) each."""
    pairs = [(one.truth.classes, one.found.above(threshold).classes) for one in photos]
    labelled, counted = (
        np.array([np.bincount(pair[side], minlength=classes) for pair in pairs], np.int64).reshape(-1, classes)
        for side in (0, 1)
    )
    return labelled, counted


def _class_scores(ap: Precision | None, row: Sequence[int]) -> ClassScores:
    labelled, found, false = row
    return ClassScores(labelled, found, false, ap.ap50 if ap else None, ap.ap if ap else None)


@dataclass(frozen=True, eq=False)
class _Counted:
    found: int
    false: int
    edge: int
    doubles: int
    error: int  # counted - labelled
    by_class: np.ndarray[tuple[int, int], np.dtype[np.int64]]  # (classes, 3): labelled, found, false


def _counted(photo: Judged, threshold: float, classes: int) -> _Counted:
    found, truth = photo.found.above(threshold), photo.truth
    chosen = matches(found, truth)
    false = found.take(np.flatnonzero(chosen < 0))
    seen = truth.xyxy[np.unique(chosen[chosen >= 0])]
    columns = (truth.classes, found.classes[chosen >= 0], false.classes)
    return _Counted(
        found=len(found) - len(false),
        false=len(false),
        edge=int(at_edge(false.xyxy, photo.width, photo.height).sum()),
        doubles=int(_on(false.xyxy, seen).sum()),
        error=len(found) - len(truth),
        by_class=np.stack([np.bincount(one, minlength=classes) for one in columns], axis=1),
    )


def outline_overlaps(found: Detections, truth: Boxes) -> list[float]:
    """Return the intersection over union of the outlines of found objects with those of their labels."""
    if found.masks is None or not truth.polygons:
        return []
    pairs = enumerate(matches(found, truth).tolist())
    return [
        overlap(found.masks[row], found.xyxy[row], truth.polygons[label])
        for row, label in pairs
        if label >= 0 and truth.polygons[label]
    ]


def at_edge(xyxy: Floats, width: int, height: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether each box (n, 4) touches the photo's edge, or nearly so: (n,)."""
    near = EDGE * max(width, height)
    return np.asarray(
        (xyxy[:, 0] <= near) | (xyxy[:, 1] <= near) | (xyxy[:, 2] >= width - near) | (xyxy[:, 3] >= height - near)
    )


def _on(xyxy: Floats, others: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether each box (n, 4) lies on one of the others, by IoU or containment: (n,)."""
    return np.asarray(((iou(xyxy, others) >= DOUBLE) | (containment(xyxy, others) >= DOUBLE)).any(axis=1))
