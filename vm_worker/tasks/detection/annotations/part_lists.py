"""Lists of the photos of each part, as darknet, Ultralytics, CVAT and Pascal VOC lay them beside the labels.

A line is the path of a photo, as it was on another machine; in Pascal VOC its name without a suffix. No path is opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jobs.limits import Limits
from vm_worker.intake.dataset import Part
from vm_worker.intake.listing import Found
from vm_worker.intake.names import claims_photo, counted, listed
from vm_worker.tasks.detection.annotations import yolo
from vm_worker.tasks.detection.annotations.drawn import DrawnPhoto
from vm_worker.tasks.detection.annotations.label_files import LabelFile, check_sizes, label_files
from vm_worker.tasks.detection.annotations.photo_names import PhotoNames, key, stem

PARTS = {
    "train": Part.TRAIN,
    "training": Part.TRAIN,
    "val": Part.VALIDATION,
    "valid": Part.VALIDATION,
    "validation": Part.VALIDATION,
    "test": Part.TEST,
    "testing": Part.TEST,
}
BOTH = "trainval"  # Pascal VOC's list of train and val together
LINES_MAX = 200_000  # of all lists; more than the photos of any upload
LINE_MAX = 1000  # characters; longer ones are no paths

_NAMED = re.compile(rf"(?:.*[-_.])?(?P<part>{BOTH}|{'|'.join(PARTS)})\d*\.txt", re.I)  # autosplit_train, train2017
_OF_VOC = re.compile(rf"(?P<part>{BOTH}|{'|'.join(PARTS)})\.txt", re.I)  # cat_train.txt is of one class


@dataclass(frozen=True)
class Listed:
    """The parts of the photos that lists name; none where they are no split."""

    files: tuple[LabelFile, ...] = ()
    parts: Mapping[tuple[str, ...], Part] = field(default_factory=dict)  # by the path of a photo
    notes: tuple[str, ...] = ()  # sentences for the report


def read(found: Sequence[Found], photos: Sequence[tuple[str, ...]], limits: Limits) -> Listed:
    """Read the lists of an upload whose photos have these paths. One list alone is no split.

    Raises UserError: labels_unreadable, too_large_zip.
    """
    files = _lists(found, photos)
    check_sizes([file for file, _ in files], limits)
    names = PhotoNames(photos)
    named: dict[str, set[int]] = defaultdict(set)
    lost: dict[str, list[str]] = defaultdict(list)
    used = set()
    for file, word, line in _lines(files):
        index = names.find(DrawnPhoto(file.parts, line, ()))
        if index is None:
            lost[file.name].append(line)
        else:
            named[word].add(index)
            used.add(file.name)
    every = tuple(file for file, _ in files)
    if named.get("train"):
        named.pop(BOTH, None)
    rows: dict[Part, set[int]] = defaultdict(set)
    for word, indices in named.items():
        rows[PARTS.get(word, Part.TRAIN)] |= indices
    if len(rows) < 2:
        return Listed(every, notes=tuple(_useless([name for name in lost if name not in used], bool(rows))))
    parts, doubled = _resolved(rows, photos)
    if len(set(parts.values())) < 2:
        told = "The lists of train, validation and test name the same photos, so the parts were cut anew."
        return Listed(every, notes=(told,))
    return Listed(every, parts, (*doubled, *_missing(lost)))


def _lists(found: Sequence[Found], photos: Sequence[tuple[str, ...]]) -> list[tuple[LabelFile, str]]:
    """Return the text files that are lists by their names, each with the word for its part."""
    stems = {key(stem(parts[-1])) for parts in photos}
    rows = []
    for file in label_files(found, "txt"):
        folders = [folder.casefold() for folder in file.parts[:-1]]
        of_voc = "imagesets" in folders
        match = (_OF_VOC if of_voc else _NAMED).fullmatch(file.parts[-1])
        is_other = key(file.stem) in stems or yolo.begins_as_label(file) or (of_voc and "main" not in folders)
        if match and not is_other:
            word = match["part"].casefold()
            rows.append((file, "train" if PARTS.get(word) is Part.TRAIN else word))
    return rows


def _lines(files: Sequence[tuple[LabelFile, str]]) -> Iterator[tuple[LabelFile, str, str]]:
    """Yield each line that is the name of a photo, with its file and the word for its part."""
    number = 0
    for file, word in files:
        of_voc = any(folder.casefold() == "imagesets" for folder in file.parts)
        for line in file.text().splitlines():
            number += 1
            if number > LINES_MAX:
                raise file.unreadable(f"and the other lists have more than {LINES_MAX:,} lines")
            name = line.strip()
            if name and len(name) <= LINE_MAX and (of_voc or claims_photo(name)):
                yield file, word, name


def _resolved(
    rows: Mapping[Part, set[int]], photos: Sequence[tuple[str, ...]]
) -> tuple[dict[tuple[str, ...], Part], list[str]]:
    """Return the part of each photo, and sentences about photos in two lists."""
    in_train = rows.get(Part.TRAIN, set())
    held = rows.get(Part.VALIDATION, set()) | rows.get(Part.TEST, set())
    both = (rows.get(Part.VALIDATION, set()) & rows.get(Part.TEST, set())) - in_train
    order = (Part.VALIDATION, Part.TEST, Part.TRAIN)  # a later one counts
    parts = {photos[index]: part for part in order for index in sorted(rows.get(part, set()))}
    told = [
        (in_train & held, "In the list of train and in another one", "put into train"),
        (both, "In the lists of validation and of test", "kept for the test"),
    ]
    return parts, [
        f"{where}: {counted(len(some), 'photo')}, such as {_names(some, photos)}; {so}."
        for some, where, so in told
        if some
    ]


def _names(indices: set[int], photos: Sequence[tuple[str, ...]]) -> str:
    return listed(sorted("/".join(photos[index]) for index in indices)[:2])


def _missing(lost: Mapping[str, Sequence[str]]) -> list[str]:
    names = [name for some in lost.values() for name in some]
    if not names:
        return []
    return [f"Listed for a part but not in the upload: {counted(len(names), 'photo')}, such as {listed(names[:2])}."]


def _useless(files: Sequence[str], others: bool) -> list[str]:
    """Return a sentence where lists would be a split, but that the photos of these files are not there."""
    if len(files) + others < 2:
        return []
    return [f"None of the photos listed in {listed(files, 2)} is in the upload, so the lists are no split."]
