"""Measure a detector on the test photos: counts, sizes, the curve over thresholds, and how sure a new count is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vm_worker.tasks.detection.boxes import area
from vm_worker.tasks.detection.engine.bounds import Numbers
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import Judged, at_edge, outline_overlaps
from vm_worker.tasks.detection.results import CountedPhoto, Covered, CurvePlace, SizeBucket, Spread, SureCount

BUCKETS = 3  # of sizes, each with as many labelled objects
PLACES = np.round(np.arange(0.1, 1.0, 0.05), 2)  # thresholds of the curve
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


def spread(photos: Sequence[CountedPhoto]) -> Spread | None:
    """Return how far the count of a new photo may be off."""
    if len(photos) < FEW:
        return None
    low, high = np.quantile([photo.error for photo in photos], [0.05, 0.95])
    return Spread(float(low), float(high))


def covered(labelled: Numbers, counted: Numbers, known: Certainty) -> Covered | None:
    """Return how many photos have as many objects as the interval around their count says, by other photos' errors.

    Numbers are (photos, classes).
    """
    pairs = zip(labelled.sum(axis=1).tolist(), map(known.photo, counted.tolist()), strict=True)
    sure = [(number, one.every) for number, one in pairs if one.every is not None]
    if not sure:
        return None
    return Covered(
        photos=len(sure),
        inside=sum(one.low <= number <= one.high for number, one in sure),
        share=min(one.share for _, one in sure),
        labelled=int(labelled.sum()),
        together=known.together(counted.tolist(), counted.shape[1]).every,
    )


def sure(counted: Numbers, classes: Sequence[str], known: Certainty) -> tuple[SureCount, ...]:
    """Return how sure counts like those of the test photos (photos, classes) are, by the errors that are known."""
    together = known.together(counted.tolist(), len(classes))
    usual = _usual(counted.sum(axis=1))
    alone = [usual, *[0] * (len(classes) - 1)]  # a count of all objects, of whichever class
    rows = [SureCount("", usual, known.photo(alone).every, int(counted.sum()), together.every)]
    for kind, label in enumerate(classes if len(classes) > 1 else ()):
        usual = _usual(counted[:, kind])
        photo = known.photo([usual if one == kind else 0 for one in range(len(classes))]).classes[kind]
        rows.append(SureCount(label, usual, photo, int(counted[:, kind].sum()), together.classes[kind]))
    return tuple(rows)


def _usual(counts: Numbers) -> int:
    some = counts[counts > 0]
    return int(np.median(some)) if len(some) else 0


def outlines(photos: Sequence[Judged], threshold: float) -> float | None:
    """Return the mean intersection over union of found outlines with labelled ones; None where there are none."""
    every = [value for photo in photos for value in outline_overlaps(photo.found.above(threshold), photo.truth)]
    return float(np.mean(every)) if every else None
