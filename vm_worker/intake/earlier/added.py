"""An upload together with photos that earlier jobs have kept: one survey of all of them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from jobs.errors import UserError
from jobs.limits import MIB, Limits
from vm_worker.intake.annotations import Annotations, Levelled
from vm_worker.intake.listing import Found, too_large
from vm_worker.intake.names import collision_key, listed, shown
from vm_worker.intake.survey import Survey, list_upload
from vm_worker.results.earlier import level_of

S = TypeVar("S", bound=Survey)

# Refusals of an upload whose folders may be classes of the earlier photos, although they are named like parts.
DOUBTFUL = ("no_class_folders", "ambiguous_folders")


@dataclass(frozen=True)
class Read:
    """The photos of one upload, each in a class, and sentences for the report on how they were read."""

    survey: Survey
    warnings: tuple[str, ...] = ()


def survey(source: Path, kept: Sequence[Path], annotations: Annotations[S, Any], limits: Limits) -> S:
    """List the photos of an upload, and of the zips that earlier jobs kept, each in its class.

    Each zip is read as its own job read it. Raises UserError with a dataset code.
    """
    found = list_upload(source, limits)
    if not kept:
        return annotations.survey(found, limits)
    uploads = [*(list_upload(path, limits) for path in kept), found]
    _check_sums(uploads, limits)
    readers = [*(_at(annotations, level_of(path.name)) for path in kept), annotations]
    few = replace(limits, classes_min=1, class_images_min=1)
    classes: dict[str, str] = {}  # as the first upload that has each spells it
    together: list[Found] = []
    for number, (upload, reader) in enumerate(zip(uploads, readers, strict=True), 1):
        last, before = _read(upload, reader, few, classes), set(classes)
        for name in last.survey.strata:
            classes.setdefault(collision_key(name), name)
        together += _in_classes(last.survey, classes, f"earlier-{number} " if number < len(uploads) else "")
    joined = _at(annotations, "outer").survey(together, limits)
    new = last.survey
    warnings = (
        *new.warnings,
        *last.warnings,
        *_spelt(new, classes),
        *_unknown(new, before),
        *_undivided(new),
        *joined.warnings,
    )
    return replace(joined, skipped=(*new.skipped, *joined.skipped), warnings=warnings)


def _at(annotations: Annotations[S, Any], level: str) -> Annotations[S, Any]:
    return annotations.at(level) if isinstance(annotations, Levelled) else annotations


def _check_sums(uploads: Sequence[Sequence[Found]], limits: Limits) -> None:
    """Check what all of them unpack to, as of a single one. Raises UserError `too_large_zip`."""
    sizes = [one.extent.size for found in uploads for one in found if one.extent is not None]
    with_earlier = "Together with the photos that earlier jobs kept,"
    if len(sizes) > limits.zip_entries:
        raise too_large(f"{with_earlier} there are more than {limits.zip_entries:,} files.")
    if sum(sizes) > limits.zip_total_bytes:
        raise too_large(f"{with_earlier} these unpack to more than {limits.zip_total_bytes // MIB:,} MiB.")


def _read(found: Sequence[Found], annotations: Annotations[S, Any], few: Limits, known: Mapping[str, str]) -> Read:
    """Read one upload; `known` are the classes of those before it, which tell what a doubtful folder is."""
    try:
        listing: Survey = annotations.survey(found, few)
    except UserError as error:
        if error.code not in DOUBTFUL:
            raise
        listing = _at(annotations, "outer").survey(found, few)
        if not all(collision_key(name) in known for name in listing.strata):
            raise
    around = None if any(collision_key(name) in known for name in listing.strata) else _around(listing, known)
    if around is None:
        return Read(listing)
    one_class = replace(
        listing, strata=(around,), photos=tuple(replace(photo, stratum=around) for photo in listing.photos)
    )
    return Read(one_class, (f"All photos lie in {shown(around)} and were taken as that class.",))


def _around(listing: Survey, known: Mapping[str, str]) -> str | None:
    """Return the known class whose folder holds all photos; None where there is no such folder."""
    paths = [photo.name.split("/")[:-1] for photo in listing.photos]
    shared = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))]
    return next((known[collision_key(name)] for name in shared if collision_key(name) in known), None)


def _in_classes(listing: Survey, classes: Mapping[str, str], before: str) -> Iterator[Found]:
    """Yield the photos as files of folders that are their classes; `before` tells the same names of two zips apart."""
    for photo in listing.photos:
        folder = classes[collision_key(photo.stratum)]
        yield Found((folder, before + photo.name.replace("/", "_")), photo.extent)


def _spelt(new: Survey, classes: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each class that the earlier photos spell in another way."""
    for name in new.strata:
        if (first := classes[collision_key(name)]) != name:
            yield f"{listed([first, name])} were taken as one class."


def _unknown(new: Survey, before: Container[str]) -> Iterator[str]:
    """Yield a sentence about classes that the earlier photos do not have: a folder named otherwise would be one."""
    if names := [name for name in new.strata if collision_key(name) not in before]:
        yield f"Not among the earlier photos, and so new classes: {listed(names)}."


def _undivided(new: Survey) -> Iterator[str]:
    if new.ready_made_split:
        yield "The parts that the new photos came in were not kept: photos that are added are split anew."
