"""Recognise in which format an upload has its labels, by the list of its files and the first bytes of some."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.listing import Found
from vm_worker.intake.names import claims_photo, is_litter
from vm_worker.tasks.detection.annotations import coco, voc, yolo, yolo_names
from vm_worker.tasks.detection.annotations.drawn import Reading
from vm_worker.tasks.detection.annotations.label_files import LabelFile, label_files
from vm_worker.tasks.detection.annotations.photo_names import stem

PEEK = 64 * 1024  # bytes of a file
PEEKED = 8  # files of a kind that are looked into
YAML_PEEK = 1024 * 1024

_COCO = re.compile(rb'"(?:images|annotations|categories)"\s*:\s*\[')
_VOC = re.compile(rb"<annotation[\s>]")
_NAMES = re.compile(rb"^names\s*:", re.M)


@dataclass(frozen=True)
class Labels:
    """The label files of an upload, by format. A format without labels has none."""

    coco: tuple[LabelFile, ...] = ()
    voc: tuple[LabelFile, ...] = ()
    yolo: tuple[LabelFile, ...] = ()
    yolo_names: tuple[LabelFile, ...] = ()  # the names of its classes, which alone are no labels

    @property
    def titles(self) -> tuple[str, ...]:
        """The names of the formats for people."""
        found = {"COCO": self.coco, "Pascal VOC": self.voc, "YOLO": self.yolo}
        return tuple(title for title, files in found.items() if files)

    def read(self, limits: Limits) -> Reading:
        """Read the labels. Raises UserError: labels_mixed, labels_unreadable, too_large_zip."""
        if len(self.titles) > 1:
            raise UserError("labels_mixed", f"The labels are there in {' and in '.join(self.titles)}.")
        if self.coco:
            return coco.read(self.coco, limits)
        return voc.read(self.voc, limits) if self.voc else yolo.read(self.yolo, self.yolo_names, limits)


def find_labels(found: Sequence[Found]) -> Labels:
    """Find the label files of an upload. Damaged files are taken by their names."""
    return Labels(
        coco=tuple(file for file in label_files(found, "json") if _COCO.search(file.beginning(PEEK))),
        voc=_voc(label_files(found, "xml")),
        yolo=_yolo(found),
        yolo_names=tuple(file for file in label_files(found, "txt", "names", "yaml", "yml") if _has_names(file)),
    )


def _voc(files: Sequence[LabelFile]) -> tuple[LabelFile, ...]:
    """Return all XML files where one of the first is a label: one broken file must not hide the others."""
    return tuple(files) if any(_VOC.search(file.beginning(PEEK)) for file in files[:PEEKED]) else ()


def _has_names(file: LabelFile) -> bool:
    if yolo_names.is_plain(file.parts[-1]):
        return True
    return file.parts[-1].casefold().endswith(("yaml", "yml")) and bool(_NAMES.search(file.beginning(YAML_PEEK)))


def _yolo(found: Sequence[Found]) -> tuple[LabelFile, ...]:
    """Return the text files that are labels: they are named as photos are, and the first ones hold numbers.

    An empty file says that its photo shows nothing; files of captions, as other tasks have them, hold words.
    """
    stems = {stem(item.parts[-1]) for item in found if _is_photo(item)}
    files = [file for file in label_files(found, "txt") if yolo.is_label(file)]
    filled = [file for file in files if file.extent.size]
    named = [file for file in filled if file.stem in stems][:PEEKED] or filled[:PEEKED]
    if not any(map(yolo.begins_as_label, named)):
        return ()
    return tuple(file for file in files if file.stem in stems or yolo.begins_as_label(file))


def _is_photo(item: Found) -> bool:
    return item.extent is not None and bool(item.parts) and claims_photo(item.parts[-1]) and not is_litter(item.parts)
