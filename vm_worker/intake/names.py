"""Handle untrusted file names: clean them for display, recognise hidden files and photos."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from jobs import wording
from vm_worker.intake.files.kinds import HEAD_BYTES, picture_kind

MARKS_MAX = 30  # combining marks on one letter; no language has more than 18
SHOWN_LENGTH = 80  # characters of a name in a message

LITTER = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin"})
PHOTO_SUFFIXES = frozenset("jpg jpeg jpe jfif png apng webp gif bmp dib avif heic heif".split())
# Photos of formats that we cannot read: they count as broken, so that nobody loses half a class without being told.
FOREIGN_SUFFIXES = frozenset("tif tiff jp2 jxl psd svg ico tga ppm pgm raw cr2 cr3 nef arw dng orf rw2 raf".split())

# Control characters, direction overrides and halves of surrogate pairs: invisible, or able to turn a line around.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff]"
)
_MAYBE_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{MARKS_MAX + 1},}}")


def clean(name: str) -> str:
    """Return the name in a form for display: NFC, each invisible character replaced by U+FFFD."""
    return _UNSEEN.sub("\ufffd", _normal("NFC", _UNSEEN.sub("\ufffd", name)))


def _normal(form: Literal["NFC", "NFKC"], name: str) -> str:
    """Normalise the name, with at most 30 combining marks on a letter, as in UAX 15's stream-safe text format.

    Normalising sorts the marks in quadratic time: without the limit, 30,000 marks on one letter take five seconds.
    """
    return unicodedata.normalize(form, _MAYBE_MARKS.sub(_without_excess, name))


def _without_excess(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MARKS_MAX:
            kept.append(character)
    return "".join(kept)


def shown(name: str) -> str:
    """Return the cleaned name in quotes, for messages; of a long one the middle is cut, as its end names the file."""
    return f'"{wording.shortened(clean(name), SHOWN_LENGTH)}"'


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first names, in quotes, and how many more there are."""
    every = list(names)
    text = ", ".join(shown(name) for name in every[:most])
    return text if len(every) <= most else f"{text} and {len(every) - most} more"


def smallest(counts: Mapping[str, int], most: int = 5) -> str:
    """Return classes with their numbers of photos, the smallest first, and how many more classes there are."""
    pairs = sorted((count, name) for name, count in counts.items())
    text = ", ".join(f"{shown(name)} has {count}" for count, name in pairs[:most])
    return text if len(pairs) <= most else f"{text} and {len(pairs) - most} more"


def counted(count: int, thing: str) -> str:
    """Return a number and its noun: "1 photo", "1,200 photos"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def collision_key(name: str) -> str:
    """Return a key that is equal for names that many systems take for one: case, Unicode form, spaces around."""
    return _normal("NFC", _normal("NFKC", clean(name)).casefold()).strip(" .")


def is_litter(parts: Iterable[str]) -> bool:
    """Return whether a path is hidden or made by an operating system, and so no photo of the user."""
    return any(part.startswith(".") or part.casefold() in LITTER for part in parts)


def suffix(name: str) -> str:
    """Return the file name's suffix, lower-case, without the dot; empty where there is none."""
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem else ""


def claims_photo(name: str) -> bool:
    """Return whether the name has a picture's suffix: such a file is a broken photo if it cannot be read."""
    return suffix(name) in PHOTO_SUFFIXES | FOREIGN_SUFFIXES


def may_be_photo(name: str) -> bool:
    """Return whether a name has a picture's suffix, or none at all."""
    return claims_photo(name) or not suffix(name)


def is_photo(name: str, head: Callable[[int], bytes]) -> bool:
    """Return whether a file is a photo, perhaps a broken one: by its suffix, else by its first bytes.

    `head` reads that many of them.
    """
    return claims_photo(name) or picture_kind(head(HEAD_BYTES)) is not None
