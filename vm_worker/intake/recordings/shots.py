"""Pairs of photos that names or times say are of one recording: frames of a video, a burst, a session of a webcam.

A name alone joins nothing, as a camera numbers all of its photos: IMG_0001, IMG_0002. It says which photos to compare.
Times in the photos, or names that speak of videos and number them, need no pixels.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

BURST = 2.0  # seconds between two photos of one burst, at most
SAME_SECOND = 30  # more photos of one second: the camera's clock stood still
STEPS = (1, 2)  # how far apart, in the order of their numbers, photos are compared: one blurred frame parts nothing
NUMBER = re.compile(r"(\d+)(?!.*\d)")  # the last number of a name
STAMP = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_. T]{0,4}(?:at )?(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)"
)  # IMG_20260131_141502, "2026-01-31 at 14.15.02"
SPOKEN = re.compile(
    r"(?<![a-z])(frames?|videos?|vid|clips?|burst|movies?|mov|webcam|recording|session|sequence|seq|scene)(?![a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Shot:
    """What a photo's name and its camera tell about when it was taken."""

    name: str  # path in the upload
    taken: float | None = None  # seconds by the camera's clock; None: not known


def at_once(shots: Sequence[Shot]) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows taken within BURST seconds, by the cameras' clocks or by times in the names."""
    times = [(_taken(shot), row) for row, shot in enumerate(shots)]
    seconds = Counter(int(taken) for taken, _ in times if taken is not None)
    rows = [(taken, row) for taken, row in times if taken is not None and seconds[int(taken)] <= SAME_SECOND]
    for (before, one), (after, other) in pairwise(sorted(rows)):
        if after - before <= BURST:
            yield one, other


def named_recordings(shots: Sequence[Shot]) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows whose names speak of one of several recordings: video2_frame_17, video2_frame_18."""
    spoken = {prefix: rows for prefix, rows in _numbered(shots).items() if SPOKEN.search(prefix) and len(rows) > 1}
    if len(spoken) > 1:
        for rows in spoken.values():
            yield from pairwise(rows)


def neighbours(shots: Sequence[Shot]) -> Iterator[tuple[int, int, bool]]:
    """Yield pairs of rows that are near in the order of their numbers, and whether the name speaks of a recording."""
    for prefix, rows in _numbered(shots).items():
        spoken = SPOKEN.search(prefix) is not None
        for step in STEPS:
            for one, other in zip(rows, rows[step:], strict=False):
                yield one, other, spoken


def _numbered(shots: Sequence[Shot]) -> dict[str, list[int]]:
    """Return the rows of each prefix, in the order of their numbers; folders below that of all belong to it."""
    if not shots:
        return {}
    folders = [f"/{shot.name}".rpartition("/")[0] for shot in shots]
    common = len(os.path.commonpath(folders))
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, shot in enumerate(shots):
        folder, file = folders[row][common:], shot.name.rpartition("/")[2]
        stem = file.rsplit(".", 1)[0]
        if (number := NUMBER.search(stem)) and len(number[1]) < 19:
            prefix = f"{folder}/{stem[: number.start()]}#{stem[number.end() :]}"
            found[prefix].append((int(number[1]), row))
    return {prefix: [row for _, row in sorted(rows)] for prefix, rows in found.items()}


def _taken(shot: Shot) -> float | None:
    if shot.taken is not None:
        return shot.taken
    stamp = STAMP.search(shot.name.rpartition("/")[2])
    if stamp is None:
        return None
    year, month, day, hour, minute, second = map(int, stamp.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:  # digits that are no time
        return None
