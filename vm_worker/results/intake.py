"""The result of the intake stage: the photos and classes that can be used, and the files that were left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vm_worker.as_json import AsJson, named, only_if_known
from vm_worker.results.earlier import OfferedRow, Version


@dataclass(frozen=True)
class PartCounts(AsJson):
    """The numbers of photos of one class in each part of the split."""

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
    """A class whose photos are so alike that near likeness does not mean that they are copies."""

    photos: int
    label: str = named("class")


@dataclass(frozen=True)
class DuplicateCounts(AsJson):
    """The numbers of copies among the photos."""

    photos: int  # photos that are an exact or near copy of an earlier one
    exact_groups: int  # groups of equal pictures
    near_groups: int  # groups of nearly equal pictures
    fallback: tuple[AlikeClass, ...]
    undivided: tuple[AlikeClass, ...] | None = only_if_known()  # photos of recordings that lie on both sides
    tested: int | None = only_if_known()  # number of recordings, and photos of none, in the test part


@dataclass(frozen=True)
class EarlierCounts(AsJson):
    """The numbers of photos by what the earlier model did with them, where the job continues from one."""

    new: int
    tested: int
    learnt: int  # by it or an ancestor of it
    use: str  # continues | same_test (its test photos stay test photos, too few others are new to it) | nothing


@dataclass(frozen=True)
class TakenIn(AsJson):
    """The result of the intake stage."""

    classes: tuple[str, ...]
    images: int  # number of photos that can be used
    counts: Mapping[str, PartCounts]  # numbers of photos by class
    skipped: tuple[SkippedRow, ...]  # the first files that are not used
    skipped_count: int  # number of all files that are not used
    duplicates: DuplicateCounts
    warnings: tuple[str, ...]  # sentences for the report
    ready_made_split: bool
    sha256: str  # digest of the zip, or of the folder's photos
    split_sha256: str  # digest of names, labels, parts and groups
    grey_white: int | None = only_if_known()  # white in pictures of 16 bits that hold fewer; None: the full range
    earlier: EarlierCounts | None = only_if_known()
    versions: tuple[Version, ...] | None = only_if_known()  # the earlier model, then its ancestors
    offered: tuple[OfferedRow, ...] | None = only_if_known()  # the earlier models, where there were several
