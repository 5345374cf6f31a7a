"""Open every photo of an upload, find the broken ones, and decide whether the rest can be trained on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.events import ProgressCallback
from vm_worker.intake.annotations import Annotations
from vm_worker.intake.arrays import Rows
from vm_worker.intake.dataset import Duplicates, Part, Skipped
from vm_worker.intake.decoder import DecodeTask, Reply, Target
from vm_worker.intake.earlier.seen import SeenPhotos
from vm_worker.intake.earlier.use import EarlierPhotos
from vm_worker.intake.files.grey import GREY_16_MAX, grey_white
from vm_worker.intake.groups import PhotoDigests, group
from vm_worker.intake.listing import too_large
from vm_worker.intake.names import SHOWN_LENGTH, counted, listed, shown
from vm_worker.intake.pool import Decoders
from vm_worker.intake.split import Split, SplitRows, divide
from vm_worker.intake.survey import Photo, Survey
from vm_worker.intake.truth import Truth

REPORTS_MOST = 100  # reports of progress
BROKEN_NAMED = 5  # broken photos named in a refusal; the report names more

S = TypeVar("S", bound=Survey)
T = TypeVar("T", bound=Truth)
Place = Callable[[int], Target]  # gives the place of a photo's square, by the photo's index


@runtime_checkable
class Divides(Protocol):
    """A survey whose photos are not divided as usual."""

    def divide(self, kept: Sequence[int], rows: SplitRows, seed: int) -> Split:
        """Assign a part to each photo of `rows`, which are those with the indices `kept` in the survey."""
        ...


@dataclass(frozen=True)
class Opened(Generic[S]):
    """A survey with the result of decoding each of its photos."""

    survey: S
    replies: tuple[Reply, ...]  # one a photo
    grey_white: int = GREY_16_MAX  # the value that is white in pictures of 16 bits

    def usable(self) -> list[int]:
        """Return the indices of the photos that can be used, ascending."""
        return [index for index, reply in enumerate(self.replies) if reply.reason is None]

    def broken(self) -> list[int]:
        """Return the indices of broken photos; a file without a suffix that is no picture is not one of them."""
        return [
            index
            for index, (photo, reply) in enumerate(zip(self.survey.photos, self.replies, strict=True))
            if reply.reason is not None and (photo.certain or reply.is_picture)
        ]

    def skipped(self) -> tuple[Skipped, ...]:
        """Return every file that is not used, broken photos first."""
        broken = set(self.broken())
        unusable = [index for index, reply in enumerate(self.replies) if reply.reason is not None]
        unusable.sort(key=lambda index: index not in broken)
        first = tuple(_skipped(self.survey.photos[index], self.replies[index]) for index in unusable)
        return first + self.survey.skipped

    def counts(self) -> dict[str, int]:
        """Count the usable photos of each stratum."""
        counts = dict.fromkeys(self.survey.strata, 0)
        for index in self.usable():
            counts[self.survey.photos[index].stratum] += 1
        return counts


@dataclass(frozen=True)
class Examined(Generic[T]):
    """A set of photos that can be trained on; its arrays have one row for each usable photo."""

    kept: tuple[int, ...]  # indices into the survey's photos
    truth: T
    groups: Rows  # (n,)
    split: Split
    warnings: tuple[str, ...]
    duplicates: Duplicates
    seen: SeenPhotos  # the digests of these photos
    earlier: EarlierPhotos | None = None  # what an earlier model knows of them; None: there is none


def open_photos(
    survey: S,
    decoders: Decoders,
    places: Sequence[Place],
    limits: Limits,
    progress: ProgressCallback,
) -> Opened[S]:
    """Decode every photo into a square at each place. Raises UserError `too_large_zip`, DecoderFault and OSError."""
    tasks = [
        DecodeTask(photo.extent, tuple(place(index) for place in places), limits.image_pixels)
        for index, photo in enumerate(survey.photos)
    ]
    replies = _decoded(tasks, decoders, limits, progress)
    white = grey_white([reply.grey_peak for reply in replies])
    dark = [index for index, reply in enumerate(replies) if reply.grey_peak]
    if dark and white < GREY_16_MAX:
        again = _decoded([replace(tasks[index], grey_white=white) for index in dark], decoders, limits, progress)
        for index, reply in zip(dark, again, strict=True):
            replies[index] = reply
    return Opened(survey.measured([reply.shape for reply in replies]), tuple(replies), white)


def _decoded(
    tasks: Sequence[DecodeTask], decoders: Decoders, limits: Limits, progress: ProgressCallback
) -> list[Reply]:
    """Run the tasks, and return their replies in the same order."""
    replies: list[Reply] = [Reply()] * len(tasks)
    step = max(1, len(tasks) // REPORTS_MOST)
    end = time.monotonic() + 60 * limits.intake_minutes
    for done, (index, reply) in enumerate(decoders.run(tasks), start=1):
        replies[index] = reply
        if time.monotonic() > end:
            raise too_large(f"Reading the photos takes more than {limits.intake_minutes} minutes.")
        if done % step == 0 or done == len(tasks):
            progress(done / len(tasks), f"{done:,} of {len(tasks):,} photos read")
    return replies


def examine(
    opened: Opened[S], annotations: Annotations[S, T], seed: int, limits: Limits, before: SeenPhotos | None = None
) -> Examined[T]:
    """Check, group and split the photos; `before` are those that the model has seen from which the job continues.

    Raises UserError: no_images, too_many_broken, class_too_small, copied_class.
    """
    _check_broken(opened, limits)
    counts = opened.counts()
    annotations.check(counts, limits)
    survey, kept = opened.survey, opened.usable()
    number_of = {name: number for number, name in enumerate(survey.strata)}
    photos = [
        _digests(survey.photos[index], number_of[survey.photos[index].stratum], opened.replies[index]) for index in kept
    ]
    groups = group(photos)
    conflicts = annotations.conflicts(survey, kept, groups.exact)  # first: a copied class is not only too small
    duplicates = groups.duplicates(survey.strata)
    given = [survey.photos[index].part for index in kept]
    known = None if before is None else before.known(photos)
    rows = SplitRows(survey.strata, photos, groups.numbers, groups.exact, given, None if known is None else known[0])
    split = survey.divide(kept, rows, seed) if isinstance(survey, Divides) else divide(rows, seed, limits)
    if groups.recordings():
        duplicates = replace(duplicates, tested=len(np.unique(groups.numbers[split.parts == Part.TEST])))
    cautions = annotations.cautions(counts, limits)
    divided = () if isinstance(survey, Divides) else duplicates.undivided
    remarks = (*conflicts, *_recordings(groups.recordings(), divided), *_plain(duplicates))
    warnings = (*survey.warnings, *_bits(opened), *split.warnings, *remarks, *cautions)
    return Examined(
        kept=tuple(kept),
        truth=annotations.truth(survey, kept),
        groups=groups.numbers,
        split=split,
        warnings=warnings,
        duplicates=duplicates,
        seen=SeenPhotos.of(photos, split.parts == Part.TEST),
        earlier=None if known is None else EarlierPhotos.of(groups.numbers, *known, split.use),
    )


def _digests(photo: Photo, stratum: int, reply: Reply) -> PhotoDigests:
    return PhotoDigests(stratum, reply.content, reply.pixels, reply.thumbnail, photo.name, reply.taken)


def _check_broken(opened: Opened[S], limits: Limits) -> None:
    usable = opened.usable()
    broken = opened.broken() if usable else range(len(opened.replies))
    named = [_skipped(opened.survey.photos[index], opened.replies[index]) for index in broken[:BROKEN_NAMED]]
    listing = "; ".join(f"{shown(skip.name)} {skip.reason}" for skip in named)
    more = f"; and {len(broken) - BROKEN_NAMED} more" if len(broken) > BROKEN_NAMED else ""
    if not usable:
        raise UserError("no_images", f"None of the photos could be read: {listing}{more}.")
    if 100 * len(broken) > limits.broken_percent * (len(broken) + len(usable)):
        raise UserError(
            "too_many_broken",
            f"{len(broken)} of {len(broken) + len(usable)} photos could not be read: {listing}{more}.",
            file=named[0].name[:SHOWN_LENGTH],
        )


def _skipped(photo: Photo, reply: Reply) -> Skipped:
    return Skipped(photo.name, reply.reason or "")


def _bits(opened: Opened[S]) -> list[str]:
    dark = sum(1 for reply in opened.replies if reply.grey_peak)
    if not dark or opened.grey_white == GREY_16_MAX:
        return []
    bits = opened.grey_white.bit_length()
    return [f"{counted(dark, 'picture')} of 16 bits hold only {bits}: {opened.grey_white} was taken for white."]


def _recordings(count: int, divided: Sequence[tuple[str, int]]) -> list[str]:
    """Return sentences about recordings; `divided` are the classes and photos of those on both sides of the split."""
    several = f"The photos show {counted(count, 'recording')}, such as a video or a burst"
    if not divided:
        return [f"{several}; each is on one side of the split."] if count else []
    classes, photos = zip(*divided, strict=True)
    told = (
        f"{counted(sum(photos), 'photo')} of {listed(classes)} look like frames of too few recordings to be kept on "
        "one side of the split: the test figure will be too good. Send photos of at least 3 recordings of each class."
    )
    return [told, *([f"{several}, besides; each of these is on one side."] if count else [])]


def _plain(duplicates: Duplicates) -> list[str]:
    if not duplicates.plain:
        return []
    classes, photos = zip(*duplicates.plain, strict=True)
    alike = f"{counted(sum(photos), 'photo')} of {listed(classes)} look so alike"
    return [f"{alike}, as before a plain background, that only exact copies could be kept on one side of the split."]
