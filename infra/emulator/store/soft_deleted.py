"""The part of the index for what was deleted and can still be restored: objects and buckets.

Such objects belong to the generation of their bucket, as a later bucket may have the same name.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from infra.emulator.protocol.errors import BUCKET_EXISTS, ApiError, no_such_bucket
from infra.emulator.resources.reading import timestamp
from infra.emulator.resources.rows import BucketRow, ObjectRow, Target, dump
from infra.emulator.resources.soft_delete import marked, seconds_kept, unmarked
from infra.emulator.store import tables
from infra.emulator.store.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS soft_objects (
    bucket_generation INTEGER, bucket TEXT, name TEXT, generation INTEGER, metageneration INTEGER, size INTEGER,
    md5 TEXT, crc32c TEXT, body TEXT, created TEXT, updated TEXT, config TEXT, gone TEXT,
    PRIMARY KEY (bucket_generation, name, generation)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS soft_objects_gone ON soft_objects (gone);
CREATE TABLE IF NOT EXISTS soft_buckets (
    name TEXT, generation INTEGER, metageneration INTEGER, created TEXT, updated TEXT, config TEXT, gone TEXT,
    PRIMARY KEY (name, generation)
) WITHOUT ROWID;
"""
_COLUMNS = "bucket, name, generation, metageneration, size, md5, crc32c, body, created, updated, config"
_OBJECTS = f"SELECT {_COLUMNS} FROM soft_objects"  # noqa: S608 - our own text
_BUCKETS = "SELECT name, metageneration, created, updated, config FROM soft_buckets"


def keep_object(db: sqlite3.Connection, bucket: BucketRow, row: ObjectRow, now: datetime) -> bool:
    """Keep an object that is deleted, if its bucket has a policy of soft delete; tell whether it is kept.

    The caller removes it from the other tables, but not its content.
    """
    seconds = seconds_kept(bucket.config)
    if not seconds:
        return False
    gone = timestamp(now + timedelta(seconds=seconds))
    kept = replace(row, config=marked(row.config, now, seconds))
    values = (bucket.generation, *tables.values(kept), gone)
    db.execute(f"INSERT OR REPLACE INTO soft_objects VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
    return True


def keep_bucket(db: sqlite3.Connection, row: BucketRow, now: datetime) -> None:
    """Keep a bucket that is deleted, at least for as long as its objects are kept."""
    query = "SELECT max(gone) FROM soft_objects WHERE bucket_generation = ? AND gone > ?"
    last = db.execute(query, (row.generation, timestamp(now))).fetchone()[0]
    seconds = seconds_kept(row.config)
    if not seconds and last is None:
        return
    config = marked(row.config, now, seconds)
    gone = config["hardDeleteTime"] = max(str(config["hardDeleteTime"]), last or "")
    values = (row.name, row.generation, row.metageneration, row.created, row.updated, dump(config), gone)
    db.execute("INSERT OR REPLACE INTO soft_buckets VALUES (?, ?, ?, ?, ?, ?, ?)", values)


class SoftDeleted(Database):
    """The rows of deleted objects and buckets. Those whose time has come are not found, and removed by `purge`."""

    def soft_object(self, bucket: BucketRow, target: Target) -> ObjectRow | None:
        """Read a deleted object of that generation; None if there is none."""
        where = "WHERE bucket_generation = ? AND name = ? AND generation = ? AND gone > ?"
        values = (bucket.generation, target.name, target.generation, self.clock.text())
        row = self._reader.execute(f"{_OBJECTS} {where}", values).fetchone()
        return ObjectRow(*tables.loaded(row)) if row else None

    def soft_objects_from(self, bucket: BucketRow, start: tuple[str, int], count: int) -> list[ObjectRow]:
        """Read at most `count` deleted objects after a name and generation, in the order of both."""
        where = "WHERE bucket_generation = ?1 AND name >= ?2 AND (name > ?2 OR generation > ?3) AND gone > ?4"
        values = (bucket.generation, *start, self.clock.text(), count)
        rows = self._reader.execute(f"{_OBJECTS} {where} ORDER BY name, generation LIMIT ?5", values)
        return [ObjectRow(*tables.loaded(row)) for row in rows]

    def soft_bucket(self, name: str, generation: int) -> BucketRow:
        """Read a deleted bucket. Raises ApiError 404."""
        return _soft_bucket(self._reader, name, generation, self.clock.text())

    def soft_buckets(self, prefix: str = "") -> list[BucketRow]:
        """Read all deleted buckets whose names begin with the prefix, in the order of their names."""
        rows = self._reader.execute(f"{_BUCKETS} WHERE gone > ? ORDER BY name, generation", (self.clock.text(),))
        return [row for row in (BucketRow(*tables.loaded(row)) for row in rows) if row.name.startswith(prefix)]

    def restore_bucket(self, name: str, generation: int) -> BucketRow:
        """Make a deleted bucket live again; its objects stay deleted. Raises ApiError: 404, 409 for a live one."""
        with self._write() as db:
            row = _soft_bucket(db, name, generation, self.clock.text())
            row = replace(row, config=unmarked(row.config))
            try:
                tables.insert_bucket(db, row)
            except sqlite3.IntegrityError:
                raise ApiError(BUCKET_EXISTS) from None
            db.execute("DELETE FROM soft_buckets WHERE name = ? AND generation = ?", (name, generation))
        return row

    def purge(self) -> list[str]:
        """Remove what is gone for good; return the names of the files that no row names any more."""
        with self._write() as db:
            now = (self.clock.text(),)
            rows: list[tuple[Any, ...]] = db.execute(
                "SELECT body, generation FROM soft_objects WHERE gone <= ?", now
            ).fetchall()
            db.executemany("DELETE FROM contents WHERE generation = ?", [(row[1],) for row in rows if not row[0]])
            db.execute("DELETE FROM soft_objects WHERE gone <= ?", now)
            db.execute("DELETE FROM soft_buckets WHERE gone <= ?", now)
        return [row[0] for row in rows if row[0]]


def _soft_bucket(db: sqlite3.Connection, name: str, generation: int, now: str) -> BucketRow:
    where = "WHERE name = ? AND generation = ? AND gone > ?"
    row = db.execute(f"{_BUCKETS} {where}", (name, generation, now)).fetchone()
    if row is None:
        raise no_such_bucket(name)
    return BucketRow(*tables.loaded(row))
