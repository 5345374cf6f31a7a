"""Contents on disk: written under a temporary name, synced, then given their final one."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c

_REHASH_BYTES = 1024 * 1024


class Incoming:
    """A content on its way in: appended to a temporary file, measured and hashed as it comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # bytes
        self._file = open(path, "ab")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._crc32c: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        self.hash_sha256 = False  # asked for by few; three times the cost of the others

    @classmethod
    def reopen(cls, path: Path, size: int) -> Incoming:
        """Go on after the first `size` bytes: what lies behind them was never acknowledged."""
        path.touch()
        os.truncate(path, size)
        incoming = cls(path)
        with open(path, "rb") as file:
            while piece := file.read(_REHASH_BYTES):
                incoming._measure(piece)
        return incoming

    def write(self, data: bytes) -> None:
        """Append."""
        self._file.write(data)
        self._measure(data)

    def sync(self) -> None:
        """Return once all of it is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file; it stays."""
        self._file.close()

    def drop(self) -> None:
        """Let go of the file and remove it."""
        self._file.close()
        self.path.unlink(missing_ok=True)

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

    def keep(self, incoming: Incoming) -> str:
        """Make it durable under its final name, which is returned."""
        incoming.sync()
        os.utime(incoming.path)  # a session may be older than this process: see `remove_strays`
        incoming.close()
        os.rename(incoming.path, self._objects / incoming.path.name)
        _sync_folder(self._objects)
        return incoming.path.name

    def open(self, name: str) -> BinaryIO:
        """For reading. Raises FileNotFoundError."""
        return open(self._objects / name, "rb")

    def remove(self, name: str) -> None:
        """Remove a content that nothing names any more; readers that have it open go on."""
        (self._objects / name).unlink(missing_ok=True)

    def drop(self, name: str) -> None:
        """Remove a content that was on its way."""
        (self._incoming / name).unlink(missing_ok=True)

    def remove_unfinished(self, known: Iterable[str]) -> None:
        """At the start: what was on its way when the last process ended, but for the known sessions."""
        keep = set(known)
        for entry in os.scandir(self._incoming):
            if entry.name not in keep:
                os.unlink(entry)

    def remove_strays(self, known: Iterable[str], before: float) -> None:
        """Contents that a crash left without a row: unknown ones last written before that time (seconds since 1970)."""
        keep = set(known)
        for entry in os.scandir(self._objects):
            if entry.name not in keep and entry.stat().st_mtime < before:
                os.unlink(entry)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
