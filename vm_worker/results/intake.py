"""What the intake stage commits: how many photos of which classes there are, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vm_worker.as_json import AsJson, named


@dataclass(frozen=True)
class PartCounts(AsJson):
    """Photos of one class in each part."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class SkippedRow(AsJson):
    """A file that is not used."""

    name: str
    reason: str


@dataclass(frozen=True)
class AlikeClass(AsJson):
    """A class whose photos are so alike that near likeness says nothing there."""

    photos: int
    label: str = named("class")


@dataclass(frozen=True)
class DuplicateCounts(AsJson):
    """How many copies there are."""

    photos: int  # that are a copy, or nearly, of an earlier one
    exact_groups: int  # groups with equal pictures
    near_groups: int  # groups with pictures that are nearly equal
    fallback: tuple[AlikeClass, ...]


@dataclass(frozen=True)
class TakenIn(AsJson):
    """The result of the intake stage."""

    classes: tuple[str, ...]
    images: int  # that can be used
    counts: Mapping[str, PartCounts]  # by class
    skipped: tuple[SkippedRow, ...]  # the first of them
    skipped_count: int  # of all
    duplicates: DuplicateCounts
    warnings: tuple[str, ...]  # sentences for the report
    ready_made_split: bool
    sha256: str  # of the zip, or a digest of the folder's photos
    split_sha256: str  # of names, labels, parts and groups
