"""Recognise in which format an upload has its labels, by the list of its files and the first bytes of some."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.listing import Found
from vm_worker.intake.names import claims_photo, is_litter, shown
from vm_worker.tasks.detection.annotations import coco, foreign, voc, yolo, yolo_names
from vm_worker.tasks.detection.annotations.drawn import Reading
from vm_worker.tasks.detection.annotations.label_files import LabelFile, label_files
from vm_worker.tasks.detection.annotations.photo_names import key, keys, stem

PEEK = 64 * 1024  # bytes of a file
PEEKED = 8  # files of a kind that are looked into
LISTED = 30  # lines of a text that may hold the boxes of all photos
A_FOLDER = 2  # of them, where labels may lie in several folders
YAML_PEEK = 1024 * 1024

_COCO = re.compile(rb'"(?:images|annotations)"\s*:\s*\[')
_IMAGES = re.compile(rb'"images"\s*:\s*\[')
_CALLED_LABELS = re.compile(r"annotation|instances|labels?[/_.]|[._]coco", re.I)  # in the path of a file
_CATEGORIES = re.compile(rb'"categories"\s*:\s*\[')  # Label Studio writes these alone beside YOLO's labels
_VOC = re.compile(rb"<annotation[\s>]")
_NAMES = re.compile(yolo_names.KEY.pattern.encode(), re.M)
# Folders that say nothing of a photo's class; photos in two others may be classes, whatever lies beside them.
_PLAIN_FOLDER = re.compile(
    r"(?:images?|jpegimages|img|imgs|photos?|pictures?|data|train|training|val|valid|validation|test)_?\d*", re.I
)
_OF_VOC = re.compile(r"segmentation(?:class|object)", re.I)
_MASKS = re.compile(r"segmentation(?:class|object)|masks?|ground_?truths?|annotations?|labels?", re.I)


@dataclass(frozen=True)
class Labels:
    """The label files of an upload, by format. A format without labels has none."""

    coco: tuple[LabelFile, ...] = ()
    voc: tuple[LabelFile, ...] = ()
    yolo: tuple[LabelFile, ...] = ()
    yolo_names: tuple[LabelFile, ...] = ()  # the names of its classes, which alone are no labels
    foreign: UserError | None = None  # where there are none but labels that are not read here: the refusal

    @property
    def titles(self) -> tuple[str, ...]:
        """The names of the formats for people."""
        found = {"COCO": self.coco, "Pascal VOC": self.voc, "YOLO": self.yolo}
        return tuple(title for title, files in found.items() if files)

    def read(self, limits: Limits) -> Reading:
        """Read the labels. Raises UserError: labels_mixed, labels_unreadable, too_large_zip."""
        if len(self.titles) > 1:
            raise UserError("labels_mixed", f"The labels are there in {' and in '.join(self.titles)}.")
        if self.foreign:
            raise self.foreign
        if self.coco:
            return coco.read(self.coco, limits)
        return voc.read(self.voc, limits) if self.voc else yolo.read(self.yolo, self.yolo_names, limits)


def find_labels(found: Sequence[Found]) -> Labels:
    """Find the label files of an upload. Damaged files are taken by their names."""
    named = label_files(found, "txt", "names", "labels", "yaml", "yml")
    names = tuple(filter(_has_names, named))
    labels = Labels(
        coco=tuple(filter(_is_coco, label_files(found, "json"))),
        voc=_voc(label_files(found, "xml")),
        yolo=_yolo(found, bool(names)),
        yolo_names=names,
    )
    return labels if labels.titles else replace(labels, foreign=_foreign(found))


def _is_coco(file: LabelFile) -> bool:
    beginning = file.beginning(PEEK)
    title = foreign.title("json", beginning)
    if title and (beginning.lstrip().startswith(b"[") or (title in foreign.NOT_COCO and not _IMAGES.search(beginning))):
        return False
    return bool(_COCO.search(beginning) or (file.extent.size > PEEK and _CATEGORIES.search(beginning)))


def _voc(files: Sequence[LabelFile]) -> tuple[LabelFile, ...]:
    """Return all XML files where one of the first is a label: one broken file must not hide the others."""
    beginnings = [file.beginning(PEEK) for file in files[:PEEKED]]
    others = any(foreign.title("xml", one) for one in beginnings) and not any(b"<bndbox" in one for one in beginnings)
    return tuple(files) if any(map(_VOC.search, beginnings)) and not others else ()


def _has_names(file: LabelFile) -> bool:
    if yolo_names.is_plain(file.parts[-1]):
        return True
    return file.parts[-1].casefold().endswith(("yaml", "yml")) and bool(_NAMES.search(file.beginning(YAML_PEEK)))


def _yolo(found: Sequence[Found], classes: bool) -> tuple[LabelFile, ...]:
    """Return the text files that are labels: they are named as photos are, and the first ones hold numbers.

    An empty file says that its photo shows nothing, even where all are empty, if another file names the `classes`;
    files of captions, as other tasks have them, hold words.
    """
    stems = _stems(found)
    texts = [(file, _is_named(file, stems)) for file in label_files(found, "txt")]
    files = [(file, named) for file, named in texts if yolo.is_label(file) or (named and yolo.begins_as_label(file))]
    filled = [(file, named) for file, named in files if file.extent.size]
    first = [file for file, named in filled if named][:PEEKED] or [file for file, _ in filled[:PEEKED]]
    if not any(map(yolo.begins_as_label, first)) and (filled or not classes):
        return ()
    return tuple(file for file, named in files if named or yolo.begins_as_label(file))


def _foreign(found: Sequence[Found]) -> UserError | None:
    """Return the refusal of an upload whose labels are in a format that is not read here.

    Photos in folders of two names may be classes: then only labels that stand for several folders, or for single
    photos, are refused, and a file for all photos that does not name the classes.
    """
    folders = {item.parts[-2] for item in found if _is_photo(item) and len(item.parts) > 1}
    names = sorted(one for one in folders if not _PLAIN_FOLDER.fullmatch(one) and not _OF_VOC.fullmatch(one))
    if len(names) > 1:
        return _in_folders(found, names)
    stems = _stems(found)
    return (
        _of_title(found) or _without_labels(found) or _of_numbers(found, stems) or _of_lists(found) or _of_masks(found)
    )


def _in_folders(found: Sequence[Found], names: Sequence[str]) -> UserError | None:
    """Return the refusal where photos lie in several folders with these names, which may be classes."""
    stems = _stems(found)
    titled: dict[tuple[str, ...], LabelFile] = {}
    for suffix in foreign.SUFFIXES:
        for file in _few_a_folder(label_files(found, suffix)):
            beginning = file.beginning(PEEK)
            title = foreign.title(suffix, beginning)
            if title and (_is_named(file, stems) or not any(foreign.holds_value(beginning, name) for name in names)):
                return file.unreadable(f"is {title}, which is not read here")
            if title:
                titled[file.parts[:-1]] = file
            if len(titled) > 1:
                return file.unreadable(f"is {title}, which is not read here")
    texts = [file for file in label_files(found, "txt") if file.extent.size and _is_named(file, stems)]
    return _of_numbers(found, stems) if 2 * len(texts) > len(stems) else None


def _few_a_folder(files: Sequence[LabelFile]) -> list[LabelFile]:
    """Return the first files of each of the first folders."""
    folders: dict[tuple[str, ...], list[LabelFile]] = {}
    for file in files:
        folders.setdefault(file.parts[:-1], []).append(file)
    return [file for some in list(folders.values())[:PEEKED] for file in some[:A_FOLDER]]


def _of_title(found: Sequence[Found]) -> UserError | None:
    for suffix in foreign.SUFFIXES:
        for file in label_files(found, suffix)[:PEEKED]:
            if title := foreign.title(suffix, file.beginning(PEEK)):
                return file.unreadable(f"is {title}, which is not read here")
    return None


def _without_labels(found: Sequence[Found]) -> UserError | None:
    for file in label_files(found, "json", "xml"):
        if _CALLED_LABELS.search("/".join(file.parts)):
            return file.unreadable("holds no labels that can be read" if file.extent.size else "is empty")
    return None


def _of_numbers(found: Sequence[Found], stems: set[str]) -> UserError | None:
    texts = [file for file in label_files(found, "txt") if file.extent.size and _is_named(file, stems)]
    for file in texts[:PEEKED]:
        if foreign.holds_numbers(file.beginning(PEEK)):
            return file.unreadable(
                "holds numbers, but not as YOLO has them: a line is the number of a class, and the middle (x, y), "
                "width and height as shares of the photo, with points and spaces, such as 0 0.5 0.5 0.1 0.2"
            )
    return None


def _of_lists(found: Sequence[Found]) -> UserError | None:
    """Return the refusal of boxes of all photos in one text, as in the formats of MOT, WIDER and keras-yolo3."""
    for file in label_files(found, "txt")[:PEEKED]:
        beginning = file.beginning(PEEK)
        if foreign.holds_numbers(beginning, LISTED) or foreign.lists_boxes(beginning):
            return file.unreadable("holds boxes of several photos, in a form that is not read here")
    return None


def _of_masks(found: Sequence[Found]) -> UserError | None:
    """Return the refusal of outlines that are drawn as pictures, beside the photos that they belong to."""
    photos = [item.parts for item in found if _is_photo(item) and len(item.parts) > 1]
    masks = [parts for parts in photos if _MASKS.fullmatch(parts[-2])]
    others = {stem(parts[-1]) for parts in photos if _PLAIN_FOLDER.fullmatch(parts[-2])}
    same = sum(stem(parts[-1]) in others for parts in masks)
    if not masks or 2 * same < len(masks):
        return None
    folder = shown(masks[0][-2])
    told = f"The folder {folder} holds masks drawn as pictures, which are not read here; boxes or outlines are."
    return UserError("labels_unreadable", told, file=masks[0][-2][:80])


def _stems(found: Sequence[Found]) -> set[str]:
    return {key(stem(item.parts[-1])) for item in found if _is_photo(item)}


def _is_named(file: LabelFile, stems: set[str]) -> bool:
    """Return whether a label file is named as a photo is, perhaps with its suffix, as in p000.jpg.json."""
    whole = stem(file.stem) if claims_photo(file.stem) else file.stem
    return not stems.isdisjoint((*keys(file.stem), *keys(whole)))


def _is_photo(item: Found) -> bool:
    return item.extent is not None and bool(item.parts) and claims_photo(item.parts[-1]) and not is_litter(item.parts)
