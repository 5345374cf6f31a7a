"""Measure a detector on the test photos: counts, sizes, the curve over thresholds, and how sure a new count is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vm_worker.tasks.detection.boxes import area
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import Judged, at_edge, outline_overlaps
from vm_worker.tasks.detection.results import CountedPhoto, Covered, CurvePlace, SizeBucket, Spread

BUCKETS = 3  # of sizes, each with as many labelled objects
PLACES = np.round(np.arange(0.1, 1.0, 0.05), 2)  # thresholds of the curve
SAMPLES = 2000  # resamplings of the photos
FEW = 10  # photos, below which nothing is said of a new photo's count


def counted(names: Sequence[str], photos: Sequence[Judged], threshold: float) -> list[CountedPhoto]:
    """Return the count of each photo, the largest errors first."""
    rows = []
    for name, photo in zip(names, photos, strict=True):
        found = photo.found.above(threshold)
        chosen = matches(found, photo.truth)
        edge = at_edge(found.xyxy[chosen < 0], photo.width, photo.height)
        rows.append(CountedPhoto(name, len(photo.truth), len(found), int(np.sum(chosen >= 0)), int(edge.sum())))
    return sorted(rows, key=lambda row: (-abs(row.error), -row.labelled, row.name))


def sizes(photos: Sequence[Judged], threshold: float) -> list[SizeBucket]:
    """Return how many objects were found, by thirds of their sizes; none where there are too few objects."""
    across = [np.sqrt(area(photo.truth.xyxy)) for photo in photos]
    seen = []
    for photo in photos:
        chosen = matches(photo.found.above(threshold), photo.truth)
        seen.append(np.isin(np.arange(len(photo.truth)), chosen))
    every, found = np.concatenate([*across, np.zeros(0)]), np.concatenate([*seen, np.zeros(0, bool)])
    if len(every) < BUCKETS * FEW:
        return []
    edges = np.quantile(every, np.linspace(0, 1, BUCKETS + 1))
    place = np.clip(np.searchsorted(edges, every, side="right") - 1, 0, BUCKETS - 1)
    return [
        SizeBucket(
            float(edges[number]),
            float(edges[number + 1]),
            int(np.sum(place == number)),
            int(np.sum(found[place == number])),
        )
        for number in range(BUCKETS)
    ]


def curve(photos: Sequence[Judged]) -> list[CurvePlace]:
    """Return precision and recall over thresholds."""
    labelled = sum(len(photo.truth) for photo in photos)
    places = []
    for threshold in PLACES.tolist():
        every = [photo.found.above(threshold) for photo in photos]
        right = sum(int(np.sum(matches(one, photo.truth) >= 0)) for one, photo in zip(every, photos, strict=True))
        total = sum(map(len, every))
        places.append(CurvePlace(threshold, right / total if total else None, right / max(1, labelled)))
    return places


def spread(photos: Sequence[CountedPhoto], seed: int) -> Spread | None:
    """Return how far the count of a new photo, and of as many new photos together, may be off."""
    if len(photos) < FEW:
        return None
    errors = np.array([photo.error for photo in photos], np.float64)
    totals = np.array([photo.counted for photo in photos], np.float64)
    random = np.random.default_rng(seed)
    samples = random.integers(0, len(errors), (SAMPLES, len(errors)))
    low, high = np.quantile(errors, [0.05, 0.95])
    total_low, total_high = np.quantile(totals[samples].sum(axis=1), [0.05, 0.95])
    return Spread(float(low), float(high), float(total_low), float(total_high))


def certainty(photos: Sequence[CountedPhoto]) -> Certainty:
    """Return the errors of these counts."""
    return Certainty.of([photo.labelled for photo in photos], [photo.counted for photo in photos])


def covered(photos: Sequence[CountedPhoto], known: Certainty) -> Covered | None:
    """Return how many photos have as many objects as the interval around their count says, by other photos' errors."""
    pairs = [(photo.labelled, known.interval(photo.counted)) for photo in photos]
    sure = [(labelled, one) for labelled, one in pairs if one is not None]
    if not sure:
        return None
    return Covered(len(sure), sum(one.low <= labelled <= one.high for labelled, one in sure), sure[0][1].share)


def outlines(photos: Sequence[Judged], threshold: float) -> float | None:
    """Return the mean intersection over union of found outlines with labelled ones; None where there are none."""
    every = [value for photo in photos for value in outline_overlaps(photo.found.above(threshold), photo.truth)]
    return float(np.mean(every)) if every else None
