"""The true answers of detection: the labelled boxes of each photo, and where the photo itself lies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels, Rows
from vm_worker.intake.dataset import Part
from vm_worker.intake.extents import Extent
from vm_worker.intake.images import read_upright
from vm_worker.tasks.detection.boxes import LabelledPhoto


@dataclass(frozen=True, eq=False)
class BoxTruth:
    """The labelled photos. Strata are groups of photos with about as many boxes."""

    classes: tuple[str, ...]  # sorted; of the boxes
    names: tuple[str, ...]  # of the strata, sorted
    strata: Rows  # (n,) indices into the names
    photos: tuple[LabelledPhoto, ...]
    sources: tuple[Extent, ...]  # where the photos' bytes lie

    def read(self, row: int) -> Pixels:
        """Decode a photo at its full size, upright: (h, w, 3) uint8. Intake has decoded each photo once before."""
        return read_upright(self.sources[row].read())

    @property
    def counts_by_class(self) -> NDArray[np.int64]:
        """The number of boxes of each class in each photo, (n, classes)."""
        rows = [np.bincount(photo.boxes.classes, minlength=len(self.classes)) for photo in self.photos]
        return np.array(rows, np.int64).reshape(-1, len(self.classes))

    def take(self, rows: Rows) -> Self:
        """Return the labels of these photos alone; `rows` is (m,)."""
        photos = tuple(self.photos[row] for row in rows.tolist())
        sources = tuple(self.sources[row] for row in rows.tolist()) if self.sources else ()
        return replace(self, strata=self.strata[rows], photos=photos, sources=sources)

    def mirrored(self) -> Self:
        """Return the labels of the photos flipped left to right."""
        return replace(self, photos=tuple(map(_mirrored, self.photos)))

    def counts(self, parts: NDArray[np.uint8]) -> dict[str, dict[str, int]]:
        """Count the photos of each stratum in each part: {name: {"train", "validation", "test"}}."""
        return {
            name: {part.name.lower(): int(np.sum((self.strata == number) & (parts == part))) for part in Part}
            for number, name in enumerate(self.names)
        }

    def boxes(self, parts: NDArray[np.uint8]) -> dict[str, dict[str, int]]:
        """Count the boxes of each class in each part: {class: {"train", "validation", "test"}}."""
        counts = self.counts_by_class
        return {
            name: {part.name.lower(): int(counts[parts == part, number].sum()) for part in Part}
            for number, name in enumerate(self.classes)
        }

    def digest(self) -> bytes:
        """Return a digest of all boxes and their classes."""
        digest = hashlib.sha256("\n".join(self.classes).encode())
        for photo in self.photos:
            digest.update(photo.boxes.xyxy.tobytes() + photo.boxes.classes.tobytes() + b"|")
        return digest.digest()


def _mirrored(photo: LabelledPhoto) -> LabelledPhoto:
    return replace(photo, boxes=photo.boxes.moved((-1.0, 1.0), (photo.width, 0.0)))
