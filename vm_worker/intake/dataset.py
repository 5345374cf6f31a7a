"""The dataset that intake makes: the photos' names, labels, parts and groups, and the files of their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels, Rows
from vm_worker.intake.truth import Truth
from vm_worker.results.intake import AlikeClass, DuplicateCounts, PartCounts, SkippedRow, TakenIn

if TYPE_CHECKING:
    from vm_worker.intake.earlier.seen import SeenPhotos
    from vm_worker.intake.earlier.use import EarlierPhotos

T_co = TypeVar("T_co", bound=Truth, covariant=True)

SKIPPED_LISTED = 20  # skipped files that a report names; the rest is a count


class Part(IntEnum):
    """The part of the split that a photo belongs to."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


@dataclass(frozen=True)
class Skipped:
    """A file that is not used, and the reason in plain words."""

    name: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return plain values for the manifest."""
        return {"name": self.name, "reason": self.reason}


@dataclass(frozen=True)
class Duplicates:
    """The numbers of duplicates in a dataset."""

    photos: int = 0  # photos that are an exact or near copy of an earlier one
    exact_groups: int = 0  # groups with equal pictures
    near_groups: int = 0  # groups with pictures that are nearly equal
    plain: tuple[tuple[str, int], ...] = ()  # (class, photos) that look too much alike to tell near copies
    undivided: tuple[tuple[str, int], ...] = ()  # (class, photos) of recordings that lie on both sides of the split
    tested: int | None = None  # groups of the test part; None: there are no recordings

    def counted(self) -> DuplicateCounts:
        """Return the counts for the report."""
        alike = tuple(AlikeClass(photos=count, label=name) for name, count in self.plain)
        divided = tuple(AlikeClass(photos=count, label=name) for name, count in self.undivided)
        return DuplicateCounts(self.photos, self.exact_groups, self.near_groups, alike, divided or None, self.tested)


@dataclass(frozen=True, eq=False)
class Dataset(Generic[T_co]):
    """Usable photos, one a row, in the order of (stratum, name).

    Every stratum has at least 1 validation and 2 test rows. The pixels are uint8 RGB squares, one .npy
    file for each size.
    """

    names: tuple[str, ...]  # path in the zip, one a row
    truth: T_co  # the true answer of each photo; in classification its class
    parts: NDArray[np.uint8]  # (n,) values of Part
    # (n,) equal for copies and near copies of one picture, which are in one part, but where a ready-made split would
    # leave a class too little.
    groups: Rows
    images: Mapping[int, Path]  # size in pixels -> .npy file of shape (n, size, size, 3)
    skipped: tuple[Skipped, ...]  # unreadable photos first
    warnings: tuple[str, ...]  # plain sentences for the report
    ready_made_split: bool
    sha256: str  # of the zip's bytes, or a digest of the folder's photos
    duplicates: Duplicates = Duplicates()
    grey_white: int | None = None  # the value that is white in pictures of 16 bits; None: that of all 16 bits
    side: int = 0  # pixels of the photos' shorter side as they are stored, in the middle; 0: not known
    seen: SeenPhotos | None = None  # the digests of the photos; None: only a test has none
    earlier: EarlierPhotos | None = None  # what an earlier model knows of them; None: the job continues from none

    def rows(self, part: Part) -> Rows:
        """Return the rows (m,) of one part, ascending."""
        return np.flatnonzero(self.parts == part).astype(np.int64)

    def pixels(self, size: int) -> Pixels:
        """Open the read-only memory map (n, size, size, 3) of RGB 0..255. Raises KeyError for an unknown size."""
        pixels: Pixels = np.load(self.images[size], mmap_mode="r", allow_pickle=False)
        return pixels

    def taken_in(self) -> TakenIn:
        """Return what the stage commits and the report shows: no pixels, no rows."""
        return TakenIn(
            classes=self.truth.names,
            images=len(self.names),
            counts={name: PartCounts(**counts) for name, counts in self.truth.counts(self.parts).items()},
            skipped=tuple(SkippedRow(skip.name, skip.reason) for skip in self.skipped[:SKIPPED_LISTED]),
            skipped_count=len(self.skipped),
            duplicates=self.duplicates.counted(),
            warnings=self.warnings,
            ready_made_split=self.ready_made_split,
            sha256=self.sha256,
            split_sha256=self.split_sha256(),
            grey_white=self.grey_white,
            earlier=None if self.earlier is None else self.earlier.counted(),
        )

    def split_sha256(self) -> str:
        """Return a digest of names, truth, parts and groups: equal on every machine for the same upload and seed."""
        digest = hashlib.sha256("\n".join((*self.truth.names, *self.names)).encode())
        digest.update(self.truth.digest())
        for column in (self.parts, self.groups):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()
