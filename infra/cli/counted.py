"""The objects that a detector counted: in one photo, and in several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vm_worker.tasks.detection.boxes import Detections
from vm_worker.tasks.detection.delivered import DeliveredSettings
from vm_worker.tasks.detection.engine.certainty import Bounds


@dataclass(frozen=True)
class CountedPhoto:
    """The objects of one photo."""

    image: str
    width: int
    height: int
    found: Detections
    counts: tuple[int, ...]  # one a class
    bounds: Bounds | None = None  # between which the numbers of objects should lie
    error: str | None = None  # the reason why it could not be read

    @property
    def count(self) -> int:
        """The number of all objects."""
        return sum(self.counts)


@dataclass(frozen=True)
class Sums:
    """The counts of several photos as one."""

    photos: int
    counts: tuple[int, ...]  # one a class
    bounds: Bounds

    @property
    def count(self) -> int:
        """The number of all objects."""
        return sum(self.counts)


def together(rows: Sequence[CountedPhoto], known: DeliveredSettings) -> Sums | None:
    """Return the counts of all photos that could be read, as one; None where there are fewer than two."""
    numbers = [row.counts for row in rows if row.error is None]
    if len(numbers) < 2:
        return None
    bounds = known.sure.together(numbers, len(known.classes))
    return Sums(len(numbers), tuple(sum(some) for some in zip(*numbers, strict=True)), bounds)
