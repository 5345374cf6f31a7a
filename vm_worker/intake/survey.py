"""A survey of an upload: its photos by names and sizes, before anything is unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jobs.limits import Limits
from vm_worker.intake.archives import list_zip
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.extents import Extent, Shape
from vm_worker.intake.folders import links, list_folder
from vm_worker.intake.listing import Found


@dataclass(frozen=True)
class Photo:
    """A file that should be a photo, before it is opened."""

    name: str  # cleaned path in the upload
    stratum: str  # the stratum of the stratified split; in classification the class
    part: Part | None  # the part by a ready-made split; None: none is given
    certain: bool  # True: its name has a picture's suffix, so it is a broken photo if it cannot be read
    extent: Extent  # where its bytes lie


@dataclass(frozen=True)
class Survey:
    """The photos of an upload, each in a stratum. The split keeps the proportions of the strata."""

    strata: tuple[str, ...]  # sorted
    photos: tuple[Photo, ...]  # in the order of (stratum, name)
    skipped: tuple[Skipped, ...]  # files that are not used
    warnings: tuple[str, ...]
    ready_made_split: bool

    def measured(self, shapes: Sequence[Shape]) -> Self:
        """Return the survey with what the photos' true sizes tell; `shapes` has one for each photo."""
        return self

    def summary(self, usable: Sequence[int]) -> Summary:
        """Return what `modelmail check` says of an upload; `usable` are the indices of the photos that can be read."""
        counts = dict.fromkeys(self.strata, 0)
        for index in usable:
            counts[self.photos[index].stratum] += 1
        return Summary(f"{len(usable):,} photos in {len(self.strata)} classes.", tuple(counts.items()))


@dataclass(frozen=True)
class Summary:
    """A sentence about the content of an upload, and what there is of each class."""

    sentence: str
    classes: tuple[tuple[str, int], ...]
    unit: str = "photos"  # what is counted


def list_upload(path: Path, limits: Limits) -> list[Found]:
    """List the files and folders of a zip or folder. Nothing is ever extracted under its name.

    Raises UserError with a dataset code, and OSError where the file itself cannot be read.
    """
    return list_folder(path, limits) if path.is_dir() else list_zip(path, limits)


def list_links(path: Path, limits: Limits) -> list[str]:
    """Return the cleaned names of the links in a folder, which no upload holds. A zip has none."""
    return links(path, limits)
