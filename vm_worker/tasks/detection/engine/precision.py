"""Average precision as COCO defines it, without its limit of 100 boxes a photo.

Matching and the 101 points of recall follow the evaluation of the COCO data set (Lin et al., ECCV 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.tasks.detection.boxes import Boxes, Detections, Floats, Indices, iou

OVERLAPS = np.round(np.arange(0.5, 1.0, 0.05), 2)  # the IoUs over which mAP is the mean
RECALLS = np.linspace(0.0, 1.0, 101)

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Precision:
    """The average precisions of one class."""

    ap50: float  # at an IoU of 0.5; 0..1
    ap: float  # mean over the IoUs of 0.5 to 0.95
    boxes: int  # labelled


def precisions(found: Sequence[Detections], truth: Sequence[Boxes], classes: int) -> tuple[Precision | None, ...]:
    """Return the average precisions of each class; None for a class without labels. One entry a photo."""
    return tuple(_of_class(found, truth, kind) for kind in range(classes))


def matches(found: Detections, truth: Boxes, overlap: float = 0.5) -> Indices:
    """Return the labelled box of the same class that each detection (n,) finds, by index; -1: none.

    The more certain detections choose first, each the free box with the greatest IoU, which is at least `overlap`.
    """
    result = np.full(len(found), -1, np.int64)
    for kind in np.unique(found.classes):
        ours, theirs = np.flatnonzero(found.classes == kind), np.flatnonzero(truth.classes == kind)
        ours = ours[np.argsort(-found.scores[ours], kind="stable")]
        chosen = _matched(iou(found.xyxy[ours], truth.xyxy[theirs]), overlap)
        result[ours] = np.where(chosen >= 0, theirs[chosen] if len(theirs) else -1, -1)
    return result


def _of_class(found: Sequence[Detections], truth: Sequence[Boxes], kind: int) -> Precision | None:
    scores: list[Floats] = []
    right: list[Flags] = []
    labelled = 0
    for one, boxes in zip(found, truth, strict=True):
        ours = np.flatnonzero(one.classes == kind)
        ours = ours[np.argsort(-one.scores[ours], kind="stable")]
        theirs = boxes.xyxy[boxes.classes == kind]
        overlaps = iou(one.xyxy[ours], theirs)
        right.append(np.stack([_matched(overlaps, limit) >= 0 for limit in OVERLAPS]))
        scores.append(one.scores[ours])
        labelled += len(theirs)
    if not labelled:
        return None
    order = np.argsort(-np.concatenate(scores), kind="stable")
    flags = np.concatenate(right, axis=1)[:, order]
    values = [_average(row, labelled) for row in flags]
    return Precision(values[0], float(np.mean(values)), labelled)


def _matched(overlaps: Floats, limit: float) -> Indices:
    """Match rows in their order to the free column of the greatest IoU: (rows,) columns by index; -1: none."""
    rows, columns = overlaps.shape
    chosen = np.full(rows, -1, np.int64)
    if not columns:
        return chosen
    free = np.ones(columns, bool)
    for row in np.flatnonzero(overlaps.max(axis=1) >= limit):
        candidates = np.where(free, overlaps[row], -1.0)
        best = int(np.argmax(candidates))
        if candidates[best] >= limit:
            chosen[row], free[best] = best, False
    return chosen


def _average(right: Flags, labelled: int) -> float:
    """Return the mean precision at the 101 recalls, of detections from the most certain on."""
    if not len(right):
        return 0.0
    hits = np.cumsum(right)
    recall, precision = hits / labelled, hits / np.arange(1, len(right) + 1)
    # The precision at a recall is the best one at that recall or a higher one.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.where(at < len(best), best[np.minimum(at, len(best) - 1)], 0.0).mean())
