"""Read the paths of a zip's entries: the encoding of their names, what separates folders, and whether they are safe."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.errors import UserError
from jobs.folders import DEPTH_MAX
from vm_worker.intake.files import code_pages
from vm_worker.intake.names import SHOWN_LENGTH, clean, shown

UTF8_FLAG = 1 << 11  # of the general purpose bits
UNICODE_PATH = 0x7075  # Info-ZIP's extra field: the name in UTF-8 beside one in a code page
_DRIVE = re.compile("[A-Za-z]:(/|$)")


@dataclass(frozen=True)
class EntryPath:
    """The path of an entry, with `/` between folders and at the end of a folder."""

    text: str
    code_page: str = ""  # the code page that was guessed for the name; empty: the zip says it, or it is UTF-8


def paths_of(infos: Sequence[zipfile.ZipInfo]) -> list[EntryPath]:
    """Return the path of each entry of an archive.

    A code page is guessed once, over all names that do not say theirs. A backslash separates folders only where no name
    has a `/`: it may be part of a name elsewhere, and is the second byte of many characters in Shift-JIS and Big5.
    """
    told = [_told(info) for info in infos]
    unknown = [_raw(info) for info, text in zip(infos, told, strict=True) if text is None]
    candidates = code_pages.candidates(unknown) if unknown else ()
    paths = [
        EntryPath(text) if text is not None else _guessed(_raw(info), candidates)
        for info, text in zip(infos, told, strict=True)
    ]
    if any("/" in path.text for path in paths):
        return paths
    return [EntryPath(path.text.replace("\\", "/"), path.code_page) for path in paths]


def _told(info: zipfile.ZipInfo) -> str | None:
    """Return the name where the archive says how it is encoded, else None."""
    name = info.orig_filename
    if info.flag_bits & UTF8_FLAG or name.isascii():
        return name
    return _unicode_path(info.extra, _raw(info))


def _raw(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("cp437")  # zipfile read it so


def _guessed(raw: bytes, candidates: Sequence[str]) -> EntryPath:
    text, code_page = code_pages.read(raw, candidates)
    return EntryPath(text, "" if code_page == "utf-8" else code_page)


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == UNICODE_PATH and field[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
            try:
                return field[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def safe_parts(path: str) -> tuple[str, ...]:
    """Split a path into folders and file.

    Raises UserError `unsafe_zip` for a path that leads out of its folder, be it by backslashes.
    """
    slashed = path.replace("\\", "/")
    if "\0" in path:
        raise _unsafe(path, "has a null byte in its name")
    if slashed.startswith("/") or _DRIVE.match(slashed):
        raise _unsafe(path, "has an absolute path")
    if path.count("/") > DEPTH_MAX:
        raise _unsafe(path, f"lies more than {DEPTH_MAX} folders deep")
    if ".." in slashed.split("/"):
        raise _unsafe(path, "leads out of its folder")
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _unsafe(path: str, why: str) -> UserError:
    return UserError("unsafe_zip", f"The entry {shown(path)} {why}.", file=clean(path)[:SHOWN_LENGTH])
