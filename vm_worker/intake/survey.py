"""What an upload holds, known from names and sizes without unpacking anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobs.limits import Limits
from vm_worker.intake.archives import list_zip
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.extents import Extent
from vm_worker.intake.folders import list_folder
from vm_worker.intake.listing import Found


@dataclass(frozen=True)
class Photo:
    """A file that should be a photo, not yet opened."""

    name: str  # cleaned path in the upload
    stratum: str  # the group of photos that it is split with; in classification its class
    part: Part | None  # None: not said by a ready-made split
    certain: bool  # named like a picture: if it is none, it is a broken one
    extent: Extent


@dataclass(frozen=True)
class Survey:
    """The photos of an upload, each in a stratum. A split keeps every stratum in its proportion."""

    strata: tuple[str, ...]  # sorted
    photos: tuple[Photo, ...]  # in the order of (stratum, name)
    skipped: tuple[Skipped, ...]  # files that are not used
    warnings: tuple[str, ...]
    ready_made_split: bool


def list_upload(path: Path, limits: Limits) -> list[Found]:
    """The files and folders of a zip or folder. Nothing is ever extracted by name.

    Raises UserError with a dataset code, and OSError where the file itself cannot be read.
    """
    return list_folder(path, limits) if path.is_dir() else list_zip(path, limits)
