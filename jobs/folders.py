"""The one way to read a folder of photos: for the check, for the zip that is sent, and for what is told of it.

Links are not followed: a folder from somebody else could hold a link to any file of its reader, which would be sent
under the link's name. Devices and pipes are left out too, as reading one may never end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

DEPTH_MAX = 64  # folders; nobody nests photos deeper, and a name full of slashes costs memory


class Kind(StrEnum):
    """The kinds of entries. Each but a file is left out of an upload."""

    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    DEVICE = "device"  # or a pipe, or a socket


@dataclass(frozen=True)
class Entry:
    """An entry of a folder."""

    parts: tuple[str, ...]  # its path in the folder
    path: str
    kind: Kind
    size: int = 0  # bytes of a file

    @property
    def name(self) -> str:
        """Return its path in the folder, with slashes."""
        return "/".join(self.parts)


class TooDeep(ValueError):
    """The error of a folder that lies too many folders deep."""


def entries(root: str | os.PathLike[str]) -> Iterator[Entry]:
    """Yield the entries one by one, in no fixed order. `root` itself may be a link, as its user has named it.

    os.walk would list a whole folder at once, and recurse. Raises TooDeep, and OSError for a folder that may not be
    read.
    """
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        if len(parts) > DEPTH_MAX:
            raise TooDeep(f"A folder lies more than {DEPTH_MAX} folders deep.")
        with os.scandir(os.path.join(root, *parts)) as found:
            for one in found:
                entry = _entry(one, (*parts, one.name))
                if entry.kind is Kind.FOLDER:
                    waiting.append(entry.parts)
                yield entry


def opened(entry: Entry) -> BinaryIO:
    """Open a file for reading. Raises OSError, also where a link has taken its place since it was listed."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)  # systems without that flag have few links
    return os.fdopen(os.open(entry.path, flags), "rb")


def _entry(one: os.DirEntry[str], parts: tuple[str, ...]) -> Entry:
    if one.is_symlink():
        return Entry(parts, one.path, Kind.LINK)
    if one.is_dir(follow_symlinks=False):
        return Entry(parts, one.path, Kind.FOLDER)
    if one.is_file(follow_symlinks=False):
        return Entry(parts, one.path, Kind.FILE, one.stat(follow_symlinks=False).st_size)
    return Entry(parts, one.path, Kind.DEVICE)
