"""Search the threshold and the suppression's overlap on stored candidates of validation photos, without training.

The point of the best F1 is taken, and of points with the same F1 the one whose counts are right. Counts alone, by which
Sobolevskii (2020) compares trainings (fitness 1 / RMSE), choose a threshold badly on a few photos: false and missed
objects cancel each other there, but not on other photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.boxes import Boxes, Detections, Floats
from vm_worker.tasks.detection.engine.decode import Decoding, suppressed
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import f1
from vm_worker.tasks.detection.engine.tiling import INSIDE

OVERLAPS = (0.3, 0.4, 0.5, 0.6, 0.7)
USUAL = 0.5  # the overlap that is taken where several do as well
THRESHOLDS = np.round(np.arange(0.06, 0.96, 0.02), 2)
USABLE_F1 = 0.5  # below it most marks, or most objects, are wrong
USABLE_ERROR = 0.1  # of the mean count: errors as small are small, however alike the photos' counts are
NEAR = 0.001  # of F1: points that differ by less are equal


@dataclass(frozen=True)
class OperatingPoint(AsJson):
    """A threshold and an overlap with their figures on the validation photos."""

    threshold: float
    overlap: float
    rmse: float  # of the count, objects a photo
    f1: float
    guess: float | None = None  # the RMSE of the best single number for all photos, or a tenth of the mean count

    @property
    def usable(self) -> bool:
        """Whether marks and objects are right more often than not, and counts are better than a guess."""
        return self.f1 >= USABLE_F1 and (self.guess is None or self.rmse <= self.guess)

    @property
    def fitness(self) -> float:
        """The fitness 1 / RMSE; large but finite where every count is right."""
        return 1.0 / max(self.rmse, 1e-6)

    def decoding(self, least: float) -> Decoding:
        """Return the settings of this point."""
        return Decoding(self.threshold, self.overlap, least)


def searched(raw: Sequence[Detections], truth: Sequence[Boxes], tiled: bool) -> OperatingPoint:
    """Return the point of the best F1, and of equal ones that of the least RMSE. One entry a photo, at least one.

    `raw` are candidates with their doubles. Of thresholds that do equally well the middle one is taken.
    """
    points = [point for overlap in OVERLAPS for point in _points(raw, truth, overlap, tiled)]
    best = max(point.f1 for point in points)
    good = [point for point in points if point.f1 >= best - NEAR]
    first = min(good, key=lambda point: (*_rank(point), abs(point.overlap - USUAL)))
    equal = [point for point in good if point.overlap == first.overlap and _rank(point) == _rank(first)]
    return equal[len(equal) // 2]


def _rank(point: OperatingPoint) -> tuple[float, float]:
    return round(point.rmse, 6), -round(point.f1, 6)


def _points(raw: Sequence[Detections], truth: Sequence[Boxes], overlap: float, tiled: bool) -> list[OperatingPoint]:
    """Return the points of one overlap, one a threshold.

    One suppression serves all thresholds: a box is a double only of a more certain one.
    """
    found = [suppressed(one, overlap, INSIDE if tiled else None) for one in raw]
    counts = np.stack([_counts(one.scores) for one in found], axis=1)  # (thresholds, photos)
    labelled = np.array([len(one) for one in truth])
    right = [one.scores[matches(one, boxes) >= 0] for one, boxes in zip(found, truth, strict=True)]
    hits = np.sum([_counts(scores) for scores in right], axis=0)
    rmse = np.sqrt(np.square(counts - labelled).mean(axis=1))
    total = int(labelled.sum())
    guess = max(float(labelled.std()), USABLE_ERROR * float(labelled.mean()))
    return [
        OperatingPoint(float(threshold), overlap, float(error), f1(total, int(hit), int(counted - hit)), guess)
        for threshold, error, hit, counted in zip(THRESHOLDS, rmse, hits, counts.sum(axis=1), strict=True)
    ]


def _counts(scores: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many scores reach each threshold: (thresholds,)."""
    return len(scores) - np.searchsorted(np.sort(scores), THRESHOLDS.astype(np.float32), side="left")
