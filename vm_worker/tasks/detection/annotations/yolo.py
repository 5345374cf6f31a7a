"""YOLO: one text file a photo, a line an object; as Roboflow, Ultralytics, Label Studio and darknet (CVAT) lay it out.

A line is a class number and the middle, width and height as shares of the photo, perhaps with a score or the points of
a pose behind, or a class number and the corners of an outline (docs.ultralytics.com/datasets).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.names import counted, listed, shown, suffix
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
    """Read text files, and the files with the names of their classes.

    Raises UserError: labels_unreadable, too_large_zip, too_many_boxes.
    """
    check_sizes([*labels, *names], limits)
    known, notes = _names(names)
    reader = _Reader(known, max(map(yolo_names.points, names), default=0))
    photos: list[DrawnPhoto] = []
    boxes = 0
    for file in labels:
        photos.append(reader.photo(file))
        boxes += len(photos[-1].boxes)
        if boxes > limits.boxes_max:  # lines are short: all of them would take far more memory than the files
            raise UserError("too_many_boxes", f"There are more than {limits.boxes_max:,} boxes.")
    unnamed = sorted({box.label for photo in photos for box in photo.boxes} - set(known.values()))
    if unnamed and known:
        notes.append(f"No name is given for {listed(unnamed)}; the number stands for it.")
    if unnamed and not known:
        notes.append("No file names the classes, as data.yaml, obj.names or classes.txt do: their numbers stand there.")
    if reader.poses:
        notes.append(
            f"{counted(reader.poses, 'box').replace('boxs', 'boxes')} had points of a pose, which are not used."
        )
    return Reading(tuple(photos), dict(reader.mended), tuple(notes))


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


@dataclass
class _Reader:
    """Reads the lines of text files, and counts what it mends."""

    names: Mapping[int, str]
    points: int  # numbers of a pose that follow each box; 0: none are announced
    mended: Counter[Mend] = field(default_factory=Counter)
    poses: int = 0  # boxes with points of a pose

    def photo(self, file: LabelFile) -> DrawnPhoto:
        lines = file.text().splitlines()
        if len(lines) > LINES_MAX:
            raise file.unreadable(f"has more than {LINES_MAX:,} lines")
        boxes = [box for line in lines if line.strip() and (box := self._box(line.split())) is not None]
        return DrawnPhoto(file.parts, "", tuple(boxes), relative=True, by_stem=True)

    def _box(self, words: Sequence[str]) -> DrawnBox | None:
        values = finite(words)
        if values is None or len(values) < 5 or values[0] < 0 or values[0] != int(values[0]):
            self.mended[Mend.UNREADABLE] += 1
            return None
        number, rest = int(values[0]), values[1:]
        label = self.names.get(number) or f"class {number}"
        posed = self.points or _visible(rest)
        if len(rest) <= 5 or _tracked(rest) or (posed and len(rest) in (4 + posed, 5 + posed)):
            self.poses += bool(posed and len(rest) > 5)
            x, y, width, height = rest[:4]
            return DrawnBox(label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        outline = rest[: len(rest) // 2 * 2]  # a last odd number is the score of a prediction
        self.mended[Mend.OUTLINED] += 1
        return DrawnBox(label, around(outline), (outline,))


def _visible(rest: Sequence[float]) -> int:
    """Return how many numbers of a pose follow a box, of which each third says whether a point is seen; else 0.

    Points that are seen lie in the box: so the corners of an outline at the photo's edge, 0 or 1, are told apart.
    """
    points = rest[4:]
    if not points or len(points) % 3 or any(one not in (0, 1, 2) for one in points[2::3]):
        return 0
    x, y, width, height = rest[:4]
    seen = [points[place : place + 2] for place in range(0, len(points), 3) if points[place + 2]]
    inside = all(abs(left - x) <= width and abs(top - y) <= height for left, top in seen)
    return len(points) if inside and (seen or not any(points)) else 0


def _tracked(rest: Sequence[float]) -> bool:
    """Return whether a box is followed by a score and the number of a track, which is no share of a photo."""
    return len(rest) == 6 and rest[5] >= 2
