"""YOLO: one text file a photo, a line an object; as Roboflow, Ultralytics, Label Studio and darknet (CVAT) lay it out.

A line is a class number and the middle, width and height as shares of the photo, or a class number and the corners of
an outline (docs.ultralytics.com/datasets).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from jobs.limits import Limits
from vm_worker.intake.names import listed, shown, suffix
from vm_worker.tasks.detection.annotations import yolo_names
from vm_worker.tasks.detection.annotations.drawn import DrawnBox, DrawnPhoto, Mend, Reading
from vm_worker.tasks.detection.annotations.label_files import LabelFile, around, check_sizes, finite

# Text files with these names are no labels of a photo.
OTHER = re.compile(
    r"(?:read.?me.*|licen[cs]e.*|classes|labels|notes|train|training|val|valid|validation|test|trainval|requirements)"
    r"\.txt",
    re.I,
)
LINE = re.compile(rb"\s*\d+(?:\.0*)?(?:[ \t]+[-+.\deE]+){4,}\s*(?:\n|$)")
PEEK = 256  # bytes that hold the first line
LINES_MAX = 20_000  # of one file


def is_label(file: LabelFile) -> bool:
    """Return whether a text file may hold the labels of a photo, by its name."""
    return suffix(file.parts[-1]) == "txt" and OTHER.fullmatch(file.parts[-1]) is None


def is_companion(name: str) -> bool:
    """Return whether a file usually lies beside YOLO labels without holding any, by its name."""
    return name.casefold().endswith(".data") or OTHER.fullmatch(name) is not None


def begins_as_label(file: LabelFile) -> bool:
    """Return whether the first line of a file is that of a label."""
    return LINE.match(file.beginning(PEEK)) is not None


def read(labels: Sequence[LabelFile], names: Sequence[LabelFile], limits: Limits) -> Reading:
    """Read text files, and the files with the names of their classes. Raises UserError `too_large_zip`."""
    check_sizes([*labels, *names], limits)
    known, notes = _names(names)
    mended: Counter[Mend] = Counter()
    photos = tuple(_photo(file, known, mended) for file in labels)
    unnamed = sorted({box.label for photo in photos for box in photo.boxes} - set(known.values()))
    if unnamed and known:
        notes.append(f"No name is given for {listed(unnamed)}; the number stands for it.")
    return Reading(photos, dict(mended), tuple(notes))


def _names(files: Sequence[LabelFile]) -> tuple[dict[int, str], list[str]]:
    """Return the names of the classes, of the file in the fewest folders, and a sentence where files disagree."""
    found = [(file, names) for file in files if (names := yolo_names.read(file))]
    found.sort(key=lambda pair: (len(pair[0].parts), yolo_names.is_plain(pair[0].parts[-1]), pair[0].parts))
    if not found:
        return {}, []
    first, names = found[0]
    others = [file.name for file, more in found[1:] if more != names]
    told = f"The names of the classes are those of {shown(first.name)}; {listed(others, 2)} has others."
    return names, [told] if others else []


def _photo(file: LabelFile, names: dict[int, str], mended: Counter[Mend]) -> DrawnPhoto:
    lines = file.read().decode("utf-8-sig", errors="replace").splitlines()
    if len(lines) > LINES_MAX:
        raise file.unreadable(f"has more than {LINES_MAX:,} lines")
    boxes = [box for line in lines if line.strip() and (box := _box(line.split(), names, mended)) is not None]
    return DrawnPhoto(file.parts, "", tuple(boxes), relative=True, by_stem=True)


def _box(words: Sequence[str], names: dict[int, str], mended: Counter[Mend]) -> DrawnBox | None:
    values = finite(words)
    if values is None or len(values) < 5 or values[0] < 0 or values[0] != int(values[0]):
        mended[Mend.UNREADABLE] += 1
        return None
    number, rest = int(values[0]), values[1:]
    label = names.get(number) or f"class {number}"
    if len(rest) <= 5:  # a fifth number is the score of a prediction
        x, y, width, height = rest[:4]
        return DrawnBox(label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    if len(rest) % 2:
        mended[Mend.UNREADABLE] += 1
        return None
    mended[Mend.OUTLINED] += 1
    return DrawnBox(label, around(rest), (rest,))
