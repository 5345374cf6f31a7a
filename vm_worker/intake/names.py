"""Names from a stranger: what may be a path, what is shown to people, what is only an operating system's litter."""

from __future__ import annotations

import re
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Literal

from jobs.errors import UserError

DEPTH_MAX = 64  # folders; nobody nests photos deeper, and a name of slashes costs memory
MARKS_MAX = 30  # accents on one letter; the longest heap in any language has 18
SHOWN_LENGTH = 80  # characters of a name in a message
UTF8_FLAG = 0x800  # general purpose bit 11
UNICODE_PATH = 0x7075  # Info-ZIP's extra field: the name in UTF-8 beside one in a code page

LITTER = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "$recycle.bin"})
PHOTO_SUFFIXES = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "bmp", "dib"})
# Photos too, which we cannot read: they count as broken, so that nobody loses half a class without a word.
FOREIGN_SUFFIXES = frozenset(
    "heic heif avif tif tiff jp2 jxl psd svg ico tga ppm pgm raw cr2 cr3 nef arw dng orf rw2 raf".split()
)

# Control characters, direction overrides and halves of surrogate pairs: invisible, or able to turn a line around.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff]"
)
_MAYBE_MARKS = re.compile(f"[\u0300-\U0010ffff]{{{MARKS_MAX + 1},}}")
_DRIVE = re.compile("[A-Za-z]:(/|$)")


def clean(name: str) -> str:
    """The name as people may see it: NFC, each unseen character replaced by U+FFFD."""
    return _UNSEEN.sub("\ufffd", _normal("NFC", _UNSEEN.sub("\ufffd", name)))


def _normal(form: Literal["NFC", "NFKC"], name: str) -> str:
    """The name in that form, at most 30 marks on a letter, as in UAX 15's stream-safe text.

    Normalising sorts the marks in quadratic time: 30,000 of them on one letter take five seconds, in each name.
    """
    return unicodedata.normalize(form, _MAYBE_MARKS.sub(_without_heaps, name))


def _without_heaps(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MARKS_MAX:
            kept.append(character)
    return "".join(kept)


def shown(name: str) -> str:
    """The cleaned name in quotes, shortened: for messages."""
    text = clean(name)
    return f'"{text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + "..."}"'


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first names, shown, and how many more there are."""
    every = list(names)
    text = ", ".join(shown(name) for name in every[:most])
    return text if len(every) <= most else f"{text} and {len(every) - most} more"


def smallest(counts: Mapping[str, int], most: int = 5) -> str:
    """Classes and their photos, the smallest first, and how many more there are."""
    pairs = sorted((count, name) for name, count in counts.items())
    text = ", ".join(f"{shown(name)} has {count}" for count, name in pairs[:most])
    return text if len(pairs) <= most else f"{text} and {len(pairs) - most} more"


def counted(count: int, thing: str) -> str:
    """A number and its noun: "1 photo", "1,200 photos"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def collision_key(name: str) -> str:
    """Equal for names that differ only by case, Unicode form or spaces around: one folder on many systems."""
    return _normal("NFC", _normal("NFKC", clean(name)).casefold()).strip(" .")


def path_of(info: zipfile.ZipInfo) -> str:
    """The entry's path with forward slashes.

    Without the UTF-8 flag a name is cp437 by the book, yet macOS writes UTF-8 there, and Info-ZIP puts
    UTF-8 into an extra field. cp437 text that happens to be valid UTF-8 is too rare to matter.
    """
    name = info.orig_filename
    if not info.flag_bits & UTF8_FLAG and not name.isascii():
        raw = name.encode("cp437")
        name = _unicode_path(info.extra, raw) or _utf8(raw) or name
    return name.replace("\\", "/")


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == UNICODE_PATH and field[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
            return _utf8(field[5:])
    return None


def safe_parts(path: str) -> tuple[str, ...]:
    """The folders and the file of a path. Raises UserError `unsafe_zip` for one that leads out of its folder."""
    if "\0" in path:
        raise _unsafe(path, "has a null byte in its name")
    if path.startswith("/") or _DRIVE.match(path):
        raise _unsafe(path, "has an absolute path")
    if path.count("/") > DEPTH_MAX:
        raise _unsafe(path, f"lies more than {DEPTH_MAX} folders deep")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise _unsafe(path, "leads out of its folder")
    return parts


def _unsafe(path: str, why: str) -> UserError:
    return UserError("unsafe_zip", f"The entry {shown(path)} {why}.", file=clean(path)[:SHOWN_LENGTH])


def is_litter(parts: Iterable[str]) -> bool:
    """Made by an operating system or hidden: not the user's photos."""
    return any(part.startswith(".") or part.casefold() in LITTER for part in parts)


def suffix(name: str) -> str:
    """The file name's ending, lower-case, without the dot; empty where there is none."""
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem else ""


def claims_photo(name: str) -> bool:
    """The name ends like a picture's: if it cannot be read, it is a broken photo."""
    return suffix(name) in PHOTO_SUFFIXES | FOREIGN_SUFFIXES


def may_be_photo(name: str) -> bool:
    """Worth opening: ends like a picture, or has no ending at all."""
    return claims_photo(name) or not suffix(name)
