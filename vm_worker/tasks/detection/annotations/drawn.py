"""The marks of an upload as its label files have them, before they are compared with the photos themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vm_worker.intake.names import counted


class Mend(StrEnum):
    """Something that was put right in the labels, or left out; `told` says it to the user."""

    CLIPPED = (
        "reached over the edge of the photo and was cut there|reached over the edge of the photo and were cut there"
    )
    EMPTY = "without area was left out|without area were left out"
    OUTSIDE = "outside its photo was left out|outside their photos were left out"
    DOUBLED = "drawn twice was counted once|drawn twice were counted once"
    UNREADABLE = "could not be read and was left out|could not be read and were left out"
    HOMELESS = "belongs to no photo and was left out|belong to no photo and were left out"
    NAMELESS = "without a known class was left out|without a known class were left out"
    CROWD = "around a crowd was left out|around crowds were left out"
    OUTLINED = "was made from its outline|were made from their outlines"


@dataclass(frozen=True)
class DrawnBox:
    """One mark. Coordinates are pixels, or shares of the photo's width and height where the file says so."""

    label: str  # the name of its class
    xyxy: tuple[float, float, float, float]  # left, top, right, bottom
    outline: tuple[tuple[float, ...], ...] = ()  # polygons, each x1, y1, x2, y2, ...


@dataclass(frozen=True)
class DrawnPhoto:
    """All that one label file says of one photo."""

    file: tuple[str, ...]  # path of the label file in the upload
    photo: str  # the photo as the label file names it, which is never opened by this name
    boxes: tuple[DrawnBox, ...]
    size: tuple[int, int] | None = None  # width and height as declared
    relative: bool = False  # the coordinates are shares of width and height, not pixels
    by_stem: bool = False  # the photo has the label file's own name, with another suffix


@dataclass(frozen=True)
class Reading:
    """The content of the label files of one format."""

    photos: tuple[DrawnPhoto, ...]
    mended: Mapping[Mend, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # further sentences for the report


def joined(readings: Iterable[Reading]) -> Reading:
    """Return several readings as one."""
    every = list(readings)
    mended: Counter[Mend] = Counter()
    for one in every:
        mended.update(one.mended)
    notes = dict.fromkeys(note for one in every for note in one.notes)
    return Reading(tuple(photo for one in every for photo in one.photos), dict(mended), tuple(notes))


def told(mended: Mapping[Mend, int]) -> list[str]:
    """Return a sentence for each kind of mend, in the order of `Mend`."""
    found = [(mend.value.split("|"), mended.get(mend, 0)) for mend in Mend]
    return [f"{counted(count, 'box').replace('boxs', 'boxes')} {words[count > 1]}." for words, count in found if count]
