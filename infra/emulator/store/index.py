"""The index of all stored data: SQLite tables of buckets, objects and upload sessions.

Every write is one transaction that reads the present state, checks the conditions, takes the next generation and
commits, so two writers can never both succeed. Readers have connections of their own and never wait for a writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from infra.emulator.protocol.errors import BUCKET_EXISTS, BUCKET_NOT_EMPTY, NO_SUCH_UPLOAD, ApiError
from infra.emulator.resources.buckets import check_replaceable, for_new_object
from infra.emulator.resources.preconditions import Preconditions
from infra.emulator.resources.rows import GENERATION, BucketRow, Draft, ObjectRow, Target
from infra.emulator.store import hmac_keys, soft_deleted, tables
from infra.emulator.store.clock import Clock
from infra.emulator.store.hmac_keys import HmacKeys
from infra.emulator.store.rate import Rate
from infra.emulator.store.sessions import Sessions
from infra.emulator.store.soft_deleted import SoftDeleted, keep_bucket, keep_object
from jobs.json_values import JsonObject

Change = Callable[[JsonObject], JsonObject]


class Index(Sessions, HmacKeys, SoftDeleted):
    """The index: all tables, in one file. Any thread may use it."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        super().__init__(path, tables.SCHEMA + hmac_keys.SCHEMA + soft_deleted.SCHEMA, clock)
        self.rate = Rate()

    # methods for buckets

    def bucket(self, name: str) -> BucketRow:
        """Read a bucket. Raises ApiError 404."""
        return tables.find_bucket(self._reader, name)

    def buckets(self, prefix: str = "") -> list[BucketRow]:
        """Read all buckets whose names begin with the prefix, in the order of their names."""
        return [row for row in tables.all_buckets(self._reader) if row.name.startswith(prefix)]

    def insert_bucket(self, name: str, config: JsonObject) -> BucketRow:
        """Make a bucket. Raises ApiError 409 if it exists."""
        now = self.clock.text()
        with self._write() as db:
            row = BucketRow(name, 1, now, now, {**config, GENERATION: tables.next_generation(db)})
            try:
                tables.insert_bucket(db, row)
            except sqlite3.IntegrityError:
                raise ApiError(BUCKET_EXISTS) from None
        return row

    def patch_bucket(self, name: str, change: Change, only: Preconditions) -> BucketRow:
        """Replace the config of a bucket by `change(config)`. Raises ApiError."""
        with self._write() as db:
            old = tables.find_bucket(db, name)
            only.check(old)
            new = replace(
                old, config=change(old.config), updated=self.clock.text(), metageneration=old.metageneration + 1
            )
            tables.put_bucket(db, new)
        return new

    def annotate_bucket(self, name: str, change: Change) -> BucketRow:
        """Replace the parts of a bucket's config that are no fields of the bucket, so that no version of it changes.

        Raises ApiError.
        """
        with self._write() as db:
            old = tables.find_bucket(db, name)
            new = replace(old, config=change(old.config))
            tables.put_bucket(db, new)
        return new

    def delete_bucket(self, name: str, only: Preconditions) -> None:
        """Delete a bucket. Raises ApiError: 404, 409 if it holds objects, 412."""
        with self._write() as db:
            row = tables.find_bucket(db, name)
            only.check(row)
            if tables.holds_objects(db, name):
                raise ApiError(BUCKET_NOT_EMPTY)
            keep_bucket(db, row, self.clock.now())
            db.execute("DELETE FROM buckets WHERE name = ?", (name,))

    # methods for objects

    def object(self, bucket: str, name: str, generation: int | None = None) -> ObjectRow | None:
        """Read the live object, or the version of that generation; None if there is none."""
        return tables.find_object(self._reader, Target(bucket, name, generation))

    def content(self, generation: int) -> bytes:
        """Read a small content that is kept in the index. Raises FileNotFoundError."""
        row = self._reader.execute("SELECT data FROM contents WHERE generation = ?", (generation,)).fetchone()
        if row is None:
            raise FileNotFoundError(generation)
        data: bytes = row[0]
        return data

    def names_from(self, bucket: str, start: str, after: bool, count: int) -> list[ObjectRow]:
        """Read at most `count` live objects from a name on (or after it), in the byte order of names."""
        return tables.names_from(self._reader, bucket, start, after, count)

    def versions_from(self, bucket: str, start: tuple[str, int], count: int) -> list[ObjectRow]:
        """Read at most `count` versions, live ones too, after a name and generation, in the order of both."""
        return tables.versions_from(self._reader, bucket, start, count)

    def put_object(self, draft: Draft, only: Preconditions, session: str = "") -> tuple[ObjectRow, str]:
        """Make or replace an object, and finish its session.

        Returns the new row, and the name of the file that no row names any more, or "".
        Raises ApiError 403, 404, 412.
        """
        with self._write() as db:
            bucket = tables.find_bucket(db, draft.bucket)
            old = tables.find_object(db, Target(draft.bucket, draft.name))
            only.check(old)
            self.rate.admit(draft.bucket, draft.name)
            unnamed = self._supersede(db, bucket, old)
            row = self._new_row(db, draft, for_new_object(bucket.config, draft.config, self.clock.now()))
            tables.put_object(db, row)
            if draft.content is not None:
                db.execute("INSERT INTO contents VALUES (?, ?)", (row.generation, draft.content))
            if session and not self._finished(db, session, row.generation):
                raise ApiError(NO_SUCH_UPLOAD)  # it was cancelled meanwhile
        return row, unnamed

    def move_object(
        self, source: Target, source_only: Preconditions, target: Target, only: Preconditions
    ) -> tuple[ObjectRow, str]:
        """Give an object another name in its bucket.

        Returns the new row, and the name of the file that no row names any more, or "".
        Raises ApiError 403, 404, 412.
        """
        with self._write() as db:
            bucket = tables.find_bucket(db, source.bucket)
            moved = tables.existing(db, source)
            source_only.check(moved)
            check_replaceable(moved.config, self.clock.now())
            old = tables.find_object(db, target)
            only.check(old)
            self.rate.admit(target.bucket, target.name)
            unnamed = self._supersede(db, bucket, old)
            draft = Draft(target.bucket, target.name, moved.size, moved.md5, moved.crc32c, moved.body, moved.config)
            row = self._new_row(db, draft, moved.config)
            db.execute("UPDATE contents SET generation = ? WHERE generation = ?", (row.generation, moved.generation))
            tables.remove(db, moved)
            tables.put_object(db, row)
        return row, unnamed

    def patch_object(self, target: Target, change: Change, only: Preconditions) -> ObjectRow:
        """Replace the config of an object by `change(config)`. Raises ApiError 404, 412."""
        with self._write() as db:
            old = tables.existing(db, target)
            only.check(old)
            self.rate.admit(target.bucket, target.name)
            new = replace(
                old, config=change(old.config), updated=self.clock.text(), metageneration=old.metageneration + 1
            )
            (tables.put_object if old.is_live else tables.put_version)(db, new)
        return new

    def delete_object(self, target: Target, only: Preconditions) -> str:
        """Delete an object. If the bucket keeps versions and the target names no generation, it becomes noncurrent.

        Returns the name of the file that no row names any more, or "". Raises ApiError 403, 404, 412.
        """
        with self._write() as db:
            bucket = tables.find_bucket(db, target.bucket)
            old = tables.existing(db, target)
            only.check(old)
            self.rate.admit(target.bucket, target.name)
            if target.generation is None:
                return self._supersede(db, bucket, old)
            check_replaceable(old.config, self.clock.now())
            return self._remove(db, bucket, old)

    # methods that remove unused data

    def bodies(self) -> set[str]:
        """Get the names of all files that objects use."""
        tables_with_bodies = ("objects", "versions", "soft_objects")
        rows = self._reader.execute(" UNION ".join(f"SELECT body FROM {table}" for table in tables_with_bodies))  # noqa: S608
        return {row[0] for row in rows}

    def _supersede(self, db: sqlite3.Connection, bucket: BucketRow, old: ObjectRow | None) -> str:
        """Remove or archive the live object; returns the name of the file that no row names any more, or ""."""
        if old is None:
            return ""
        check_replaceable(old.config, self.clock.now())
        if bucket.keeps_versions:
            tables.archive(db, old, self.clock.text())
            return ""
        return self._remove(db, bucket, old)

    def _remove(self, db: sqlite3.Connection, bucket: BucketRow, old: ObjectRow) -> str:
        """Remove an object, softly if its bucket says so; returns the name of the file that no row names, or ""."""
        if keep_object(db, bucket, old, self.clock.now()):
            tables.drop_row(db, old)
            return ""
        tables.remove(db, old)
        return old.body

    def _new_row(self, db: sqlite3.Connection, draft: Draft, config: JsonObject) -> ObjectRow:
        now = self.clock.text()
        return ObjectRow(
            draft.bucket, draft.name, tables.next_generation(db), 1, draft.size, draft.md5, draft.crc32c, draft.body,
            now, now, config,
        )  # fmt: skip
