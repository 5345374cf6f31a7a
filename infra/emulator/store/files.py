"""Contents on disk: written under a temporary name, synced, then given their final one."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Set
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

SMALL_BYTES = 32 * 1024  # up to here a content lives in the index: one sync instead of three, and no file
_REHASH_BYTES = 1024 * 1024


class Incoming:
    """A content on its way in: measured and hashed as it comes. A small one waits in memory, a large one in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # bytes
        self._small = bytearray()  # all of it, until there is a file
        self._file: BinaryIO | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._crc32c: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self.hash_sha256 = False  # asked for by few; three times the cost of the others

    @classmethod
    def reopen(cls, path: Path, size: int) -> Incoming:
        """Go on after the first `size` bytes: what lies behind them was never acknowledged."""
        incoming = cls(path)
        incoming._spill()
        if path.stat().st_size < size:
            raise OSError(f"{path} has lost acknowledged bytes")
        os.truncate(path, size)
        with open(path, "rb") as file:
            while piece := file.read(_REHASH_BYTES):
                incoming._measure(piece)
        return incoming

    @property
    def small(self) -> bytes | None:
        """The whole content, where it is small enough for the index; else it is in the file."""
        return None if self._file else bytes(self._small)

    def write(self, data: bytes) -> None:
        """Append."""
        self._measure(data)
        if self._file is None and self.size > SMALL_BYTES:
            self._spill()
        if self._file:
            self._file.write(data)
        else:
            self._small += data

    def sync(self) -> None:
        """Return once all of it is on the disk, in its file."""
        file = self._file or self._spill()
        file.flush()
        os.fsync(file.fileno())

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._file is not None:
            self._file.close()

    def drop(self) -> None:
        """Let go of the file and remove it."""
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
        """Base64."""
        return base64.b64encode(self._md5.digest()).decode()

    @property
    def crc32c(self) -> str:
        """Base64 of the big-endian value."""
        return base64.b64encode(self._crc32c.digest()).decode()

    @property
    def sha256(self) -> str:
        """Hex; only where `hash_sha256` was set before the first byte."""
        return self._sha256.hexdigest()

    def _measure(self, data: bytes) -> None:
        self.size += len(data)
        self._md5.update(data)
        self._crc32c.update(data)
        if self.hash_sha256:
            self._sha256.update(data)


class Files:
    """The folder of contents: `incoming/` for those on their way, `objects/` for those that are there."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / "incoming"
        self._objects = folder / "objects"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._objects.mkdir(exist_ok=True)

    def begin(self) -> Incoming:
        """A new content."""
        return Incoming(self._incoming / secrets.token_hex(16))

    def resume(self, name: str, size: int) -> Incoming:
        """The content of a session, of which `size` bytes are acknowledged."""
        return Incoming.reopen(self._incoming / name, size)

    def waiting(self, name: str) -> Path:
        """The file of a content that is on its way."""
        return self._incoming / name

    def keep(self, incoming: Incoming, *, moved: bool) -> str:
        """Make a large one durable under its final name, which is returned.

        Not `moved`: it keeps its first name too. A session's content must, until the index says that the
        session is done: if the process ends before, the session goes on with it.
        """
        incoming.sync()
        os.utime(incoming.path)  # a session may be older than this process: see `remove_strays`
        incoming.close()
        name = secrets.token_hex(16)
        (os.rename if moved else os.link)(incoming.path, self._objects / name)
        _sync_folder(self._objects)
        return name

    def link(self, name: str) -> str:
        """A second name, which is returned, for a content that is there. Raises FileNotFoundError.

        Contents never change, so both share one file, and a copy costs the same whatever its size.
        """
        new = secrets.token_hex(16)
        os.utime(self._objects / name)  # the new name is no stray of an earlier process: see `remove_strays`
        os.link(self._objects / name, self._objects / new)
        _sync_folder(self._objects)
        return new

    def open(self, name: str) -> BinaryIO:
        """For reading. Raises FileNotFoundError."""
        return open(self._objects / name, "rb")

    def remove(self, name: str) -> None:
        """Remove a content that nothing names any more; readers that have it open go on. "" = it has no file."""
        if name:
            (self._objects / name).unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Remove a content that was on its way."""
        (self._incoming / name).unlink(missing_ok=True)

    def remove_unfinished(self, sessions: Set[str]) -> None:
        """At the start: what was on its way when the last process ended, but for those sessions."""
        for entry in os.scandir(self._incoming):
            if entry.name not in sessions:
                os.unlink(entry)

    def remove_strays(self, known: Set[str], before: float) -> None:
        """Contents that a crash left without a row: unknown ones last written before that time (seconds since 1970)."""
        for entry in os.scandir(self._objects):
            if entry.name not in known and entry.stat().st_mtime < before:
                os.unlink(entry)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
