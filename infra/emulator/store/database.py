"""An SQLite file with one connection that writes, and one for each thread that reads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.emulator.store.clock import Clock


class Database:
    """The database. Any thread may use it: writers wait for each other, readers never wait for writers."""

    def __init__(self, path: Path, schema: str, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._path = path
        self._turn = threading.Lock()
        self._threads = threading.local()
        self._writer = _connect(path)
        self._writer.executescript(schema)

    @property
    def _reader(self) -> sqlite3.Connection:
        if not hasattr(self._threads, "reader"):
            self._threads.reader = _connect(self._path)
        reader: sqlite3.Connection = self._threads.reader
        return reader

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction: committed at the end of the block, rolled back if the block raises."""
        with self._turn:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # an acknowledged write survives a power cut
    return db
