"""Buckets and objects on disk: the index and the files of contents, kept consistent.

A content is on disk before the index names it, and the index names it before the write is acknowledged.
So a crash can only leave a content without a row, which the next start removes.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from infra.emulator.protocol.errors import NO_SUCH_UPLOAD, ApiError, no_such_object
from infra.emulator.resources.preconditions import NONE, Preconditions
from infra.emulator.resources.rows import Draft, ObjectRow, Session, Target
from infra.emulator.store.clock import Clock
from infra.emulator.store.files import Files, Incoming
from infra.emulator.store.index import Change, Index
from jobs.json_values import JsonObject

PURGE_SECONDS = 60  # between searches for what was deleted so long ago that it is not kept any more
SESSION_DAYS = 7  # days for which Cloud Storage keeps sessions


class Store:
    """The store of all data. Any thread may use it; a call blocks for at most a few synced writes."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.index = Index(folder / "index.sqlite", clock)
        self.files = Files(folder)
        self._purged = datetime.min.replace(tzinfo=UTC)
        self.uploads = 0  # uploads in one request that run now; only the event loop's thread counts them
        week_ago = self.index.clock.now() - timedelta(days=SESSION_DAYS)
        self.index.end_sessions_before(week_ago.isoformat())
        self.files.remove_unfinished(self.index.sessions_under_way())
        # A thread, as this takes long with many objects, and nothing waits for it.
        self._cleaning = threading.Thread(target=self._remove_strays, args=(time.time(),), daemon=True)
        self._cleaning.start()

    def get(self, target: Target, only: Preconditions = NONE) -> ObjectRow:
        """Get the row of an object. Raises ApiError 304, 404, 412."""
        row = self.index.object(target.bucket, target.name, target.generation)
        if row is None:
            self.index.bucket(target.bucket)
            raise no_such_object(target.bucket, target.name)
        only.check(row, reading=True)
        return row

    def open(self, target: Target, only: Preconditions = NONE) -> tuple[ObjectRow, BinaryIO]:
        """Get the row of an object, and open its content. Raises ApiError like `get`."""
        while True:
            row = self.get(target, only)
            try:
                return row, self._content(row)
            except FileNotFoundError:
                if self.index.object(target.bucket, target.name, target.generation) == row:
                    raise  # the object was not replaced meanwhile, so its content is lost

    def check(self, target: Target, only: Preconditions) -> None:
        """Check, before an upload begins, that it could be committed now. Raises ApiError 404, 412."""
        self.index.bucket(target.bucket)
        only.check(self.index.object(target.bucket, target.name))

    def commit(self, incoming: Incoming, draft: Draft, only: Preconditions, session: str = "") -> ObjectRow:
        """Make an object of a received content, if the conditions hold now. Raises ApiError 404, 412."""
        if incoming.small is not None:
            return self.put(replace(draft, body="", content=incoming.small), only, session)
        row = self.put(replace(draft, body=self.files.keep(incoming, moved=not session)), only, session)
        if session:
            self.files.drop(session)
        return row

    def put(self, draft: Draft, only: Preconditions, session: str = "") -> ObjectRow:
        """Write the row of a content on disk; the content is removed if that fails. Raises ApiError 404, 412."""
        try:
            row, unnamed = self.index.put_object(draft, only, session)
        except BaseException:
            self.files.remove(draft.body)
            raise
        self.files.remove(unnamed)
        self._purge_in_time()
        return row

    def share(self, draft: Draft, row: ObjectRow) -> Draft:
        """Give a draft the content of a row. Raises FileNotFoundError if the row was deleted meanwhile."""
        if row.body:
            return replace(draft, body=self.files.link(row.body))
        return replace(draft, body="", content=self.index.content(row.generation))

    def patch(self, target: Target, change: Change, only: Preconditions) -> ObjectRow:
        """Replace the config of an object by `change(config)`. Raises ApiError 404, 412."""
        return self.index.patch_object(target, change, only)

    def move(self, source: Target, source_only: Preconditions, target: Target, only: Preconditions) -> ObjectRow:
        """Give an object another name in its bucket, atomically. Raises ApiError 403, 404, 412."""
        row, unnamed = self.index.move_object(source, source_only, target, only)
        self.files.remove(unnamed)
        return row

    def delete(self, target: Target, only: Preconditions) -> None:
        """Delete an object. Raises ApiError 403, 404, 412."""
        self.files.remove(self.index.delete_object(target, only))
        self._purge_in_time()

    def purge(self) -> None:
        """Remove for good what was deleted and is not kept any more."""
        self._purged = self.index.clock.now()
        for body in self.index.purge():
            self.files.remove(body)

    def begin_session(self, target: Target, spec: JsonObject) -> Session:
        """Begin an upload of several requests; the session is on disk when this returns."""
        session = Session(secrets.token_hex(32), target.bucket, target.name, 0, 0, spec)
        self.index.save_session(session)
        return session

    def session(self, upload_id: str) -> Session:
        """Get a session. Raises ApiError 404."""
        found = self.index.session(upload_id)
        if found is None:
            raise ApiError(NO_SUCH_UPLOAD)
        return found

    def end_session(self, upload_id: str) -> None:
        """Remove a session and what it has received."""
        self.index.end_session(upload_id)
        self.files.drop(upload_id)

    def _purge_in_time(self) -> None:
        since = self.index.clock.now() - self._purged
        if abs(since) >= timedelta(seconds=PURGE_SECONDS):  # a clock that tests move goes back too
            self.purge()

    def _remove_strays(self, before: float) -> None:
        self.purge()
        self.files.remove_strays(self.index.bodies(), before)

    def _content(self, row: ObjectRow) -> BinaryIO:
        return self.files.open(row.body) if row.body else BytesIO(self.index.content(row.generation))
