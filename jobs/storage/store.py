"""The port to one bucket of objects, and a bucket in memory for tests.

Every write can have a precondition on the object's generation, as in Google Cloud Storage: 0 means "must not exist".
Leases, limits and write-once results are based on these preconditions.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from jobs.clock import Clock, SystemClock
from jobs.errors import ModelmailError


class PreconditionFailed(ModelmailError):
    """The error of an object that is not at the expected generation (HTTP 412)."""


@dataclass(frozen=True)
class Stat:
    """An object's size, generation and time of creation, without its content."""

    name: str
    generation: int
    size: int  # bytes
    created: datetime


@dataclass(frozen=True)
class Blob:
    """An object with its content."""

    data: bytes
    generation: int


class Store(Protocol):
    """A bucket. Each method raises `Transient` when the service cannot answer now."""

    def get(self, name: str, known: Blob | None = None) -> Blob | None:
        """Return the object, or None when there is none; `known` itself when it has not changed."""
        ...

    def stat(self, name: str) -> Stat | None:
        """Return the object's size, generation and time of creation, or None when there is none."""
        ...

    def put(
        self,
        name: str,
        data: bytes,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> int:
        """Write the object; return the new generation. Raises PreconditionFailed."""
        ...

    def upload(self, name: str, path: Path, *, content_type: str = "application/octet-stream") -> int:
        """Write a file's content as a stream; return the new generation."""
        ...

    def download(self, name: str, path: Path) -> int:
        """Read the object into a file as a stream; return the generation. Raises FileNotFoundError."""
        ...

    def delete(self, name: str, *, if_generation: int | None = None) -> bool:
        """Delete the object; return False when there was none. Raises PreconditionFailed."""
        ...

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """Yield the objects whose names start with the prefix, in the order of their names."""
        ...


@dataclass(frozen=True)
class Buckets:
    """The three buckets of an installation."""

    emails: Store  # records, marks and limits
    datasets: Store  # uploaded zips
    models: Store  # results and manifests


class MemoryStore:
    """A bucket in this process's memory. It behaves like the others, without disk and network."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._objects: dict[str, tuple[bytes, Stat]] = {}
        self._lock = threading.Lock()
        self._generation = 0

    def get(self, name: str, known: Blob | None = None) -> Blob | None:
        """Return the object, or None when there is none; `known` itself when it has not changed."""
        with self._lock:
            found = self._objects.get(name)
        if found is None:
            return None
        data, stat = found
        if known is not None and known.generation == stat.generation:
            return known
        return Blob(data, stat.generation)

    def stat(self, name: str) -> Stat | None:
        """Return the object's size, generation and time of creation, or None when there is none."""
        with self._lock:
            found = self._objects.get(name)
        return found[1] if found else None

    def put(
        self,
        name: str,
        data: bytes,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> int:
        """Write the object; return the new generation."""
        with self._lock:
            self._check(name, if_generation)
            self._generation += 1
            stat = Stat(name, self._generation, len(data), self._clock.now())
            self._objects[name] = (bytes(data), stat)
            return self._generation

    def upload(self, name: str, path: Path, *, content_type: str = "application/octet-stream") -> int:
        """Write a file's content."""
        return self.put(name, path.read_bytes(), content_type=content_type)

    def download(self, name: str, path: Path) -> int:
        """Read the object into a file, through a temporary name."""
        blob = self.get(name)
        if blob is None:
            raise FileNotFoundError(name)
        partial = path.with_name(path.name + ".part")
        partial.write_bytes(blob.data)
        shutil.move(partial, path)
        return blob.generation

    def delete(self, name: str, *, if_generation: int | None = None) -> bool:
        """Delete the object; return False when there was none."""
        with self._lock:
            if name not in self._objects:
                return False
            self._check(name, if_generation)
            del self._objects[name]
            return True

    def list(self, prefix: str = "") -> Iterator[Stat]:
        """Yield the objects under a prefix, in the order of their names."""
        with self._lock:
            stats = [stat for name, (_, stat) in sorted(self._objects.items()) if name.startswith(prefix)]
        return iter(stats)

    def _check(self, name: str, if_generation: int | None) -> None:
        if if_generation is None:
            return
        found = self._objects.get(name)
        current = found[1].generation if found else 0
        if current != if_generation:
            raise PreconditionFailed(f"{name} is at generation {current}, not {if_generation}")
