"""The index: SQLite tables of buckets, objects and sessions.

Every write is one transaction that reads what is there, checks the conditions, takes the next generation
and commits: no two writers can both win. Reads use a connection of their own and never wait for a writer.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.local.emulator.clock import Clock
from infra.local.emulator.errors import BUCKET_EXISTS, BUCKET_NOT_EMPTY, ApiError, no_such_bucket, no_such_object
from infra.local.emulator.preconditions import Preconditions
from infra.local.emulator.rate import Rate
from infra.local.emulator.rows import BucketRow, Draft, ObjectRow, Session, Target, dump

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, metageneration INTEGER, created TEXT, updated TEXT, config TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT, name TEXT, generation INTEGER, metageneration INTEGER, size INTEGER, md5 TEXT, crc32c TEXT,
    body TEXT, created TEXT, updated TEXT, config TEXT, PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (generation INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, bucket TEXT, name TEXT, received INTEGER, done INTEGER, spec TEXT, touched TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (only INTEGER PRIMARY KEY CHECK (only = 1), generation INTEGER);
INSERT OR IGNORE INTO counter VALUES (1, 0);
"""
_OBJECT = (
    "SELECT bucket, name, generation, metageneration, size, md5, crc32c, body, created, updated, config FROM objects"
)
_PUT_OBJECT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

Change = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Index:
    """The tables in one file. Safe from any thread: writers take turns, each reading thread has its connection."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.rate = Rate()
        self._path = path
        self._turn = threading.Lock()
        self._threads = threading.local()
        self._writer = _connect(path)
        self._writer.executescript(_SCHEMA)

    # buckets

    def bucket(self, name: str) -> BucketRow:
        """Raises ApiError 404."""
        return _bucket(self._reader, name)

    def buckets(self, prefix: str = "") -> list[BucketRow]:
        """All whose names start so, in name order."""
        rows = self._reader.execute("SELECT name, metageneration, created, updated, config FROM buckets ORDER BY name")
        return [_bucket_row(row) for row in rows if row[0].startswith(prefix)]

    def insert_bucket(self, name: str, config: Mapping[str, Any]) -> BucketRow:
        """Raises ApiError 409 where it exists."""
        now = self.clock.text()
        row = BucketRow(name, 1, now, now, config)
        with self._write() as db:
            try:
                db.execute("INSERT INTO buckets VALUES (?, 1, ?, ?, ?)", (name, row.created, row.updated, dump(config)))
            except sqlite3.IntegrityError:
                raise ApiError(BUCKET_EXISTS) from None
        return row

    def patch_bucket(self, name: str, change: Change, only: Preconditions) -> BucketRow:
        """Put `change(config)` in place of its config. Raises ApiError."""
        with self._write() as db:
            old = _bucket(db, name)
            only.check(old)
            new = replace(
                old, config=change(old.config), updated=self.clock.text(), metageneration=old.metageneration + 1
            )
            db.execute(
                "UPDATE buckets SET metageneration = ?, updated = ?, config = ? WHERE name = ?",
                (new.metageneration, new.updated, dump(new.config), name),
            )
        return new

    def delete_bucket(self, name: str, only: Preconditions) -> None:
        """Raises ApiError: 404, 409 where it holds objects, 412."""
        with self._write() as db:
            only.check(_bucket(db, name))
            if db.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise ApiError(BUCKET_NOT_EMPTY)
            db.execute("DELETE FROM buckets WHERE name = ?", (name,))

    # objects

    def object(self, bucket: str, name: str) -> ObjectRow | None:
        """What is there now, or None."""
        return _object(self._reader, bucket, name)

    def content(self, generation: int) -> bytes:
        """A small content that the index holds itself. Raises FileNotFoundError."""
        row = self._reader.execute("SELECT data FROM contents WHERE generation = ?", (generation,)).fetchone()
        if row is None:
            raise FileNotFoundError(generation)
        data: bytes = row[0]
        return data

    def names_from(self, bucket: str, start: str, after: bool, count: int) -> list[ObjectRow]:
        """At most `count` objects from that name on (or after it), in the byte order of their names."""
        comparison = ">" if after else ">="
        query = f"{_OBJECT} WHERE bucket = ? AND name {comparison} ? ORDER BY name LIMIT ?"
        return [_object_row(row) for row in self._reader.execute(query, (bucket, start, count))]

    def put_object(self, draft: Draft, only: Preconditions, session: str = "") -> tuple[ObjectRow, ObjectRow | None]:
        """Make or replace an object, and finish its session; the new row and the one it replaced.

        Raises ApiError 404, 412.
        """
        with self._write() as db:
            _bucket(db, draft.bucket)
            old = _object(db, draft.bucket, draft.name)
            only.check(old)
            self.rate.admit(draft.bucket, draft.name)
            now = self.clock.text()
            row = ObjectRow(
                draft.bucket, draft.name, _next_generation(db), 1, draft.size, draft.md5, draft.crc32c, draft.body,
                now, now, draft.config,
            )  # fmt: skip
            db.execute(_PUT_OBJECT, _object_values(row))
            _remove_content(db, old)
            if draft.content is not None:
                db.execute("INSERT INTO contents VALUES (?, ?)", (row.generation, draft.content))
            if session:
                db.execute("UPDATE sessions SET done = ? WHERE id = ?", (row.generation, session))
        return row, old

    def patch_object(self, target: Target, change: Change, only: Preconditions) -> ObjectRow:
        """Put `change(config)` in place of the object's config. Raises ApiError 404, 412."""
        with self._write() as db:
            old = _existing(db, target)
            only.check(old)
            self.rate.admit(target.bucket, target.name)
            new = replace(
                old, config=change(old.config), updated=self.clock.text(), metageneration=old.metageneration + 1
            )
            db.execute(_PUT_OBJECT, _object_values(new))
        return new

    def delete_object(self, target: Target, only: Preconditions) -> ObjectRow:
        """Remove an object; the row that is gone. Raises ApiError 404, 412."""
        with self._write() as db:
            _bucket(db, target.bucket)
            old = _existing(db, target)
            only.check(old)
            self.rate.admit(target.bucket, target.name)
            db.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (target.bucket, target.name))
            _remove_content(db, old)
        return old

    # resumable sessions

    def session(self, upload_id: str) -> Session | None:
        """A session, under way or done, or None."""
        query = "SELECT id, bucket, name, received, done, spec FROM sessions WHERE id = ?"
        row = self._reader.execute(query, (upload_id,)).fetchone()
        return Session(*_loaded(row)) if row else None

    def save_session(self, session: Session) -> None:
        """Begin one, or note how far it is."""
        values = (
            session.id,
            session.bucket,
            session.name,
            session.received,
            session.done,
            dump(session.spec),
            self.clock.text(),
        )
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def end_session(self, upload_id: str) -> None:
        """Forget it."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE id = ?", (upload_id,))

    def end_sessions_before(self, moment: str) -> None:
        """Forget those that nobody has touched since then (RFC 3339, UTC)."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE touched < ?", (moment,))

    # housekeeping

    def bodies(self) -> set[str]:
        """The names of all files that objects or sessions use."""
        rows = self._reader.execute("SELECT body FROM objects UNION SELECT id FROM sessions WHERE done = 0")
        return {row[0] for row in rows}

    @property
    def _reader(self) -> sqlite3.Connection:
        if not hasattr(self._threads, "reader"):
            self._threads.reader = _connect(self._path)
        reader: sqlite3.Connection = self._threads.reader
        return reader

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
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


def _next_generation(db: sqlite3.Connection) -> int:
    """Microseconds since 1970 as the service has them, but never the same or less again."""
    last = db.execute("SELECT generation FROM counter").fetchone()[0]
    generation: int = max(last + 1, time.time_ns() // 1000)
    db.execute("UPDATE counter SET generation = ?", (generation,))
    return generation


def _bucket(db: sqlite3.Connection, name: str) -> BucketRow:
    query = "SELECT name, metageneration, created, updated, config FROM buckets WHERE name = ?"
    row = db.execute(query, (name,)).fetchone()
    if row is None:
        raise no_such_bucket(name)
    return _bucket_row(row)


def _object(db: sqlite3.Connection, bucket: str, name: str) -> ObjectRow | None:
    row = db.execute(f"{_OBJECT} WHERE bucket = ? AND name = ?", (bucket, name)).fetchone()
    return _object_row(row) if row else None


def _existing(db: sqlite3.Connection, target: Target) -> ObjectRow:
    found = _object(db, target.bucket, target.name)
    if found is None or target.generation not in (None, found.generation):
        raise no_such_object(target.bucket, target.name)
    return found


def _remove_content(db: sqlite3.Connection, row: ObjectRow | None) -> None:
    if row is not None and not row.body:
        db.execute("DELETE FROM contents WHERE generation = ?", (row.generation,))


def _bucket_row(row: tuple[Any, ...]) -> BucketRow:
    return BucketRow(*_loaded(row))


def _object_row(row: tuple[Any, ...]) -> ObjectRow:
    return ObjectRow(*_loaded(row))


def _loaded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The last column is JSON."""
    return *row[:-1], json.loads(row[-1])


def _object_values(row: ObjectRow) -> tuple[Any, ...]:
    return (
        row.bucket, row.name, row.generation, row.metageneration, row.size, row.md5, row.crc32c, row.body,
        row.created, row.updated, dump(row.config),
    )  # fmt: skip
