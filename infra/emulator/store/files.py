"""Contents as files: written under a temporary name, synced to disk, then renamed."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Set
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

SMALL_BYTES = 32 * 1024  # contents up to this size are kept in the index: one sync instead of three, and no file
_REHASH_BYTES = 1024 * 1024


class Incoming:
    """A content that is being received: counted and hashed piece by piece, in memory while small, then in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # bytes
        self._name_kept = False  # true: the disk knows the file's name
        self._small = bytearray()  # the whole content, until there is a file
        self._file: BinaryIO | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._crc32c: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self.hash_sha256 = False  # few clients ask for it, and it takes three times as long as the other hashes

    @classmethod
    def reopen(cls, path: Path, size: int) -> Incoming:
        """Continue a file after its first `size` bytes; later bytes were never acknowledged and are cut off."""
        if (path.stat().st_size if path.exists() else 0) < size:
            raise OSError(f"{path} has lost acknowledged bytes")
        incoming = cls(path)
        incoming._spill()
        os.truncate(path, size)
        with open(path, "rb") as file:
            while piece := file.read(_REHASH_BYTES):
                incoming._measure(piece)
        return incoming

    @property
    def small(self) -> bytes | None:
        """The whole content, if it is small enough for the index; None if it is in the file."""
        return None if self._file else bytes(self._small)

    def write(self, data: bytes) -> None:
        """Append to the content."""
        self._measure(data)
        if self._file is None and self.size > SMALL_BYTES:
            self._spill()
        if self._file:
            self._file.write(data)
        else:
            self._small += data

    def sync(self) -> None:
        """Return once the whole content is on disk, in its file."""
        file = self._file or self._spill()
        file.flush()
        os.fsync(file.fileno())

    def sync_with_name(self) -> None:
        """Return once the content is on disk, and its file will be found under its present name."""
        self.sync()
        if not self._name_kept:
            _sync_folder(self.path.parent)
            self._name_kept = True

    def close(self) -> None:
        """Close the file and keep it."""
        if self._file is not None:
            self._file.close()

    def drop(self) -> None:
        """Close the file and remove it."""
        if self._file is not None:
            self._file.close()
            self.path.unlink(missing_ok=True)

    def _spill(self) -> BinaryIO:
        file = self._file = open(self.path, "ab")
        file.write(self._small)
        self._small.clear()
        return file

    @property
    def md5(self) -> str:
        """The MD5 in base64."""
        return base64.b64encode(self._md5.digest()).decode()

    @property
    def crc32c(self) -> str:
        """The CRC32C, big-endian, in base64."""
        return base64.b64encode(self._crc32c.digest()).decode()

    @property
    def sha256(self) -> str:
        """The SHA-256 in hex; correct only if `hash_sha256` was set before the first byte."""
        return self._sha256.hexdigest()

    def _measure(self, data: bytes) -> None:
        self.size += len(data)
        self._md5.update(data)
        self._crc32c.update(data)
        if self.hash_sha256:
            self._sha256.update(data)


class Files:
    """The folders of contents: `incoming/` for those that are being received, `objects/` for those of objects."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / "incoming"
        self._objects = folder / "objects"
        self._incoming.mkdir(exist_ok=True)
        self._objects.mkdir(exist_ok=True)

    def begin(self) -> Incoming:
        """Begin a new content."""
        return Incoming(self._incoming / secrets.token_hex(16))

    def resume(self, name: str, size: int) -> Incoming:
        """Continue the content of a session, of which `size` bytes are acknowledged."""
        return Incoming.reopen(self._incoming / name, size)

    def waiting(self, name: str) -> Path:
        """Get the path of a content that is being received."""
        return self._incoming / name

    def keep(self, incoming: Incoming, *, moved: bool) -> str:
        """Make a large content durable under its final name, and return that name.

        Without `moved` it keeps its first name too. The content of a session needs that until the index says
        that the session is done: if the process ends before, the session continues with it.
        """
        incoming.sync()
        os.utime(incoming.path)  # a session may have begun long ago: see `remove_strays`
        incoming.close()
        name = secrets.token_hex(16)
        (os.rename if moved else os.link)(incoming.path, self._objects / name)
        _sync_folder(self._objects)
        return name

    def link(self, name: str) -> str:
        """Give a stored content a second name, and return that name. Raises FileNotFoundError.

        Contents never change, so both names share one file, and a copy costs the same at every size.
        """
        new = secrets.token_hex(16)
        os.utime(self._objects / name)  # the new name must not count as a stray: see `remove_strays`
        os.link(self._objects / name, self._objects / new)
        _sync_folder(self._objects)
        return new

    def open(self, name: str) -> BinaryIO:
        """Open a content for reading. Raises FileNotFoundError."""
        return open(self._objects / name, "rb")

    def remove(self, name: str) -> None:
        """Remove a content that no row names any more; its open readers can go on. "" means that it has no file."""
        if name:
            (self._objects / name).unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Remove a content that was being received."""
        (self._incoming / name).unlink(missing_ok=True)

    def remove_unfinished(self, sessions: Set[str]) -> None:
        """Remove contents that the last process was receiving when it ended, except those of these sessions."""
        for entry in os.scandir(self._incoming):
            if entry.name not in sessions:
                os.unlink(entry)

    def remove_strays(self, known: Set[str], before: float) -> None:
        """Remove unknown contents, which a crash left, if last written before that time (seconds since 1970)."""
        for entry in os.scandir(self._objects):
            if entry.name not in known and entry.stat().st_mtime < before:
                os.unlink(entry)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
