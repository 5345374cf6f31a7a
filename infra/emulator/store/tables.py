"""The SQL of the index: its tables, and functions that read and write rows inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from infra.emulator.protocol.errors import no_such_bucket, no_such_object
from infra.emulator.resources.rows import BucketRow, ObjectRow, Target, dump
from jobs.json_values import Json

_OBJECT_COLUMNS = """
    bucket TEXT, name TEXT, generation INTEGER, metageneration INTEGER, size INTEGER, md5 TEXT, crc32c TEXT,
    body TEXT, created TEXT, updated TEXT, config TEXT"""
SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, metageneration INTEGER, created TEXT, updated TEXT, config TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (COLUMNS, PRIMARY KEY (bucket, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (COLUMNS, PRIMARY KEY (bucket, name, generation)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (generation INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, bucket TEXT, name TEXT, received INTEGER, done INTEGER, spec TEXT, touched TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counter (only INTEGER PRIMARY KEY CHECK (only = 1), generation INTEGER);
INSERT OR IGNORE INTO counter VALUES (1, 0);
""".replace("COLUMNS", _OBJECT_COLUMNS)
_SHORT = 2000  # characters of a text that is worth remembering
_COLUMNS = "bucket, name, generation, metageneration, size, md5, crc32c, body, created, updated, config"
_LIVE = f"SELECT {_COLUMNS} FROM objects"  # noqa: S608 - our own text
_OLD = f"SELECT {_COLUMNS} FROM versions"  # noqa: S608 - our own text
_BUCKET = "SELECT name, metageneration, created, updated, config FROM buckets"
_PUT_LIVE = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_OLD = "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def find_bucket(db: sqlite3.Connection, name: str) -> BucketRow:
    """Read a bucket. Raises ApiError 404."""
    row = db.execute(f"{_BUCKET} WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise no_such_bucket(name)
    return BucketRow(*loaded(row))


def all_buckets(db: sqlite3.Connection) -> list[BucketRow]:
    """Read all buckets, in the order of their names."""
    return [BucketRow(*loaded(row)) for row in db.execute(f"{_BUCKET} ORDER BY name")]


def insert_bucket(db: sqlite3.Connection, row: BucketRow) -> None:
    """Write a new bucket. Raises sqlite3.IntegrityError if there is one of its name."""
    values = (row.name, row.metageneration, row.created, row.updated, dump(row.config))
    db.execute("INSERT INTO buckets VALUES (?, ?, ?, ?, ?)", values)


def put_bucket(db: sqlite3.Connection, row: BucketRow) -> None:
    """Replace the bucket of that name."""
    db.execute(
        "UPDATE buckets SET metageneration = ?, updated = ?, config = ? WHERE name = ?",
        (row.metageneration, row.updated, dump(row.config), row.name),
    )


def find_object(db: sqlite3.Connection, target: Target) -> ObjectRow | None:
    """Read the live object, or the version of the target's generation; None if there is none."""
    row = db.execute(f"{_LIVE} WHERE bucket = ? AND name = ?", (target.bucket, target.name)).fetchone()
    if target.generation is not None and (row is None or row[2] != target.generation):
        values = (target.bucket, target.name, target.generation)
        row = db.execute(f"{_OLD} WHERE bucket = ? AND name = ? AND generation = ?", values).fetchone()
    return ObjectRow(*loaded(row)) if row else None


def existing(db: sqlite3.Connection, target: Target) -> ObjectRow:
    """Read an object. Raises ApiError 404."""
    found = find_object(db, target)
    if found is None:
        raise no_such_object(target.bucket, target.name)
    return found


def put_object(db: sqlite3.Connection, row: ObjectRow) -> None:
    """Write a live object; it replaces that of its name."""
    db.execute(_PUT_LIVE, values(row))


def put_version(db: sqlite3.Connection, row: ObjectRow) -> None:
    """Write a noncurrent version; it replaces that of its generation."""
    db.execute(_PUT_OLD, values(row))


def archive(db: sqlite3.Connection, row: ObjectRow, now: str) -> None:
    """Turn a live object into a noncurrent version."""
    put_version(db, replace(row, config={**row.config, "timeDeleted": now}))
    db.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (row.bucket, row.name))


def remove(db: sqlite3.Connection, row: ObjectRow) -> None:
    """Remove a live object or a version, and its content if that is in the index."""
    drop_row(db, row)
    if not row.body:
        db.execute("DELETE FROM contents WHERE generation = ?", (row.generation,))


def drop_row(db: sqlite3.Connection, row: ObjectRow) -> None:
    """Remove a live object or a version, without its content."""
    table = "objects" if row.is_live else "versions"
    found = (row.bucket, row.name, row.generation)
    db.execute(f"DELETE FROM {table} WHERE bucket = ? AND name = ? AND generation = ?", found)  # noqa: S608


def names_from(db: sqlite3.Connection, bucket: str, start: str, after: bool, count: int) -> list[ObjectRow]:
    """Read at most `count` live objects from a name on (or after it), in the byte order of names."""
    query = f"{_LIVE} WHERE bucket = ? AND name {'>' if after else '>='} ? ORDER BY name LIMIT ?"
    return _objects(db.execute(query, (bucket, start, count)))


def versions_from(db: sqlite3.Connection, bucket: str, start: tuple[str, int], count: int) -> list[ObjectRow]:
    """Read at most `count` versions, live ones too, after a name and generation, in the order of both."""
    where = "WHERE bucket = ?1 AND name >= ?2 AND (name > ?2 OR generation > ?3)"
    query = f"{_LIVE} {where} UNION ALL {_OLD} {where} ORDER BY 2, 3 LIMIT ?4"
    return _objects(db.execute(query, (bucket, *start, count)))


def holds_objects(db: sqlite3.Connection, bucket: str) -> bool:
    """Tell whether a bucket has any object, live or not."""
    query = "SELECT 1 FROM objects WHERE bucket = ?1 UNION ALL SELECT 1 FROM versions WHERE bucket = ?1 LIMIT 1"
    return db.execute(query, (bucket,)).fetchone() is not None


def next_generation(db: sqlite3.Connection) -> int:
    """Take the next generation: microseconds since 1970, but always more than the last one."""
    last = db.execute("SELECT generation FROM counter").fetchone()[0]
    generation: int = max(last + 1, time.time_ns() // 1000)
    db.execute("UPDATE counter SET generation = ?", (generation,))
    return generation


def loaded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Parse the last column of a row, which is JSON. Equal texts give the same object, which nobody changes."""
    text = row[-1]
    return *row[:-1], _parsed(text) if len(text) <= _SHORT else json.loads(text)


@lru_cache(maxsize=512)
def _parsed(text: str) -> Json:
    found: Json = json.loads(text)
    return found


def _objects(rows: Iterable[tuple[Any, ...]]) -> list[ObjectRow]:
    return [ObjectRow(*loaded(row)) for row in rows]


def values(row: ObjectRow) -> tuple[Any, ...]:
    """Return the columns of a row."""
    return (
        row.bucket, row.name, row.generation, row.metageneration, row.size, row.md5, row.crc32c, row.body,
        row.created, row.updated, dump(row.config),
    )  # fmt: skip
