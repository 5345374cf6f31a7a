"""An upload together with photos that an earlier job has kept: one survey of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.annotations import Annotations
from vm_worker.intake.listing import Found
from vm_worker.intake.survey import Survey, list_upload

S = TypeVar("S", bound=Survey)

ONE_FOLDER = ("one_class", "no_class_folders")  # refusals of an upload that holds more photos of one class alone


def survey(source: Path, kept: Sequence[Path], annotations: Annotations[S, Any], limits: Limits) -> S:
    """List the photos of an upload, and of the zips that earlier jobs kept, each in its class.

    Raises UserError with a dataset code.
    """
    found = list_upload(source, limits)
    if not kept:
        return annotations.survey(found, limits)
    few = replace(limits, classes_min=1, class_images_min=1)
    together: list[Found] = []
    for number, path in enumerate(kept, 1):
        together += _in_classes(annotations.survey(list_upload(path, limits), few), f"earlier-{number} ")
    try:
        together += _in_classes(annotations.survey(found, few), "")
    except UserError as error:
        if error.code not in ONE_FOLDER:
            raise
        together += found  # its only folder is named as one of the classes
    return annotations.survey(together, limits)


def _in_classes(listing: Survey, before: str) -> Iterator[Found]:
    """Yield the photos as files of folders that are their classes; `before` tells the same names of two zips apart."""
    for photo in listing.photos:
        yield Found((photo.stratum, before + photo.name.replace("/", "_")), photo.extent)
