"""Check that an exported file finds the same boxes as model.h5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jobs.json_values import JsonObject
from vm_worker.exports.agreement import Answers, Compared
from vm_worker.exports.formats import Format, Reader
from vm_worker.tasks.detection.boxes import Boxes, Detections, iou
from vm_worker.tasks.detection.delivered import divided
from vm_worker.tasks.detection.engine.decode import suppressed
from vm_worker.tasks.detection.engine.detect import Settings, found_in
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import f1
from vm_worker.tasks.detection.truth import BoxTruth

SAME = 0.9  # IoU from which two boxes are the same one
FORGIVEN = 1  # pictures with other boxes; of a few dozen pictures one is more than 1 %
LOSS_WARNED = 0.01  # loss of F1 from which the report warns
LOSS_REFUSED = 0.2  # loss of F1 from which a file is not delivered: it would count something else


@dataclass(frozen=True, eq=False)
class PictureTruth(BoxTruth):
    """The labels of pictures as a network sees them: parts of photos, at the size of its input."""

    settings: Settings = field(default_factory=lambda: Settings(0, 0))
    counted: tuple[Detections, ...] = ()  # the boxes of model.h5 where each picture is taken for a whole photo


class SameBoxes:
    """The comparison of an exported file's output (pictures, points, classes + 4) with that of model.h5."""

    def compare(self, row: Format, answers: Answers, expected: Answers, truth: PictureTruth) -> Compared:
        """Compare the boxes after suppression, and the numbers where there is an object, by what the format allows.

        A service gives boxes (pictures, most boxes, 6), as `boxes_of` reads them: these alone are compared.
        """
        if row.reader is Reader.SERVICE:
            return _served(row, answers, truth)
        if answers.shape != expected.shape or not np.isfinite(answers).all():
            return Compared(f"gives {answers.shape} in place of {expected.shape} numbers")
        theirs, ours = (_found(output, truth.settings) for output in (answers, expected))
        same = [_same(one, other) for one, other in zip(theirs, ours, strict=True)]
        boxes = [photo.boxes for photo in truth.photos]
        score, before = _f1(theirs, boxes), _f1(ours, boxes)
        difference = _difference(answers, expected, truth.settings)
        return Compared(
            fault=_fault(row, difference, same.count(False), len(same)) or _useless(score, before),
            score=score,
            agreement=float(np.mean(same)) if same else 1.0,
            max_difference=difference,
            warning=_warning(row, (score, before), same, (theirs, ours)),
        )


def boxes_of(said: Sequence[JsonObject], classes: Sequence[str]) -> Answers:
    """Return the boxes that a service gives for pictures, (pictures, most boxes, 6): sides, score and class.

    Rows with a score of 0 are filled up. Raises KeyError for answers without boxes.
    """
    rows: list[Any] = [one["boxes"] for one in said]
    result = np.zeros((len(rows), max([len(row) for row in rows], default=0), 6), np.float32)
    for place, row in enumerate(rows):
        for number, box in enumerate(row):
            result[place, number] = (*box["box"], box["score"], classes.index(box["class"]))
    return result


def _served(row: Format, answers: Answers, truth: PictureTruth) -> Compared:
    if answers.shape[::2] != (len(truth.counted), 6):
        return Compared(f"gives {answers.shape} numbers for {len(truth.counted)} pictures")
    there = [one[one[:, 4] > 0] for one in answers]
    theirs = [Detections(one[:, :4], one[:, 4], one[:, 5].astype(np.int64)) for one in there]
    same = [_same(one, other) for one, other in zip(theirs, truth.counted, strict=True)]
    return Compared(
        fault=_fault(row, 0.0, same.count(False), len(same)),
        score=_f1(theirs, [photo.boxes for photo in truth.photos]),
        agreement=float(np.mean(same)) if same else 1.0,
    )


def _found(output: Answers, settings: Settings) -> list[Detections]:
    decoding = settings.decoding
    raw = [found_in(divided(one, mask=settings.mask), settings) for one in output]
    return [suppressed(one, decoding.overlap).above(decoding.threshold) for one in raw]


def _same(one: Detections, other: Detections) -> bool:
    """Return whether each box of one is among those of the other, with the same class, and the other way round."""
    if len(one) != len(other):
        return False
    alike = (iou(one.xyxy, other.xyxy) >= SAME) & (one.classes[:, None] == other.classes[None, :])
    return bool(alike.any(axis=0).all() and alike.any(axis=1).all())


def _f1(found: Sequence[Detections], truth: Sequence[Boxes]) -> float:
    right = sum(int(np.sum(matches(one, boxes) >= 0)) for one, boxes in zip(found, truth, strict=True))
    return f1(sum(map(len, truth)), right, sum(map(len, found)) - right)


def _difference(answers: Answers, expected: Answers, settings: Settings) -> float:
    """Return the largest difference of a number at points where there may be an object; elsewhere none is used.

    The boxes of a second stage stand in the order of their scores, where nearly equal ones may change places: each is
    compared with the box that is nearest to it.
    """
    points = divided(expected, mask=settings.mask)[0].max(axis=-1) >= settings.decoding.least
    if not settings.rois:
        return float(np.abs(answers - expected)[points].max(initial=0.0))
    pairs = zip(answers, expected, points, strict=True)
    return max((_nearest(theirs, ours[chosen]) for theirs, ours, chosen in pairs), default=0.0)


def _nearest(answers: Answers, expected: Answers) -> float:
    """Return the largest difference of a row's numbers from those of the nearest row of the answers."""
    away = np.abs(answers[None, :, :] - expected[:, None, :]).max(axis=2)
    return float(away.min(axis=1).max(initial=0.0))


def _fault(row: Format, difference: float, others: int, pictures: int) -> str:
    if row.difference is not None and difference > row.difference:
        return f"differs by more than {row.difference:g}"
    allowed = max(FORGIVEN, round((1 - row.agreement) * pictures))
    return f"other boxes than model.h5 on {others} of {pictures} pictures" if others > allowed else ""


def _useless(score: float, expected: float) -> str:
    """Return why a file that finds far less, or far more, than model.h5 is not delivered; empty: it is."""
    if expected - score <= LOSS_REFUSED:
        return ""
    return f"its boxes are no longer those of model.h5: F1 falls from {expected:.2f} to {score:.2f}"


def _warning(
    row: Format,
    scores: tuple[float, float],
    same: Sequence[bool],
    found: tuple[Sequence[Detections], Sequence[Detections]],
) -> str:
    """Return what an inexact format loses: of F1, and on how many pictures it finds other boxes; empty: nothing.

    Scores and boxes are the format's, and those of model.h5.
    """
    if row.difference is not None:
        return ""
    (score, expected), others = scores, list(same).count(False)
    lost = expected - score
    theirs, ours = (sum(map(len, boxes)) for boxes in found)
    said = []
    if lost > LOSS_WARNED:
        said.append(f"Finds less than model.h5: F1 is lower by {100 * lost:.1f} points. Use another format if you can.")
    if others > FORGIVEN:
        said.append(
            f"Its boxes differ from those of model.h5 on {others} of {len(same)} pictures; in all it counts "
            f"{theirs:,}, and model.h5 {ours:,}."
        )
    return " ".join(said)
