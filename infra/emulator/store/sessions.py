"""The part of the index for uploads of several requests: resumable sessions, multipart uploads, and their parts."""

from __future__ import annotations

import sqlite3

from infra.emulator.resources.rows import Session, dump
from infra.emulator.store.database import Database
from infra.emulator.store.tables import loaded

_SESSION = "SELECT id, bucket, name, received, done, spec FROM sessions"
_PUT = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)"
_RANGE = "id >= ? AND id < ?"


class Sessions(Database):
    """The rows of sessions. The id of a row is also the name of the file with the bytes received so far."""

    def session(self, upload_id: str) -> Session | None:
        """Read a session, finished or not; None if there is none."""
        row = self._reader.execute(f"{_SESSION} WHERE id = ?", (upload_id,)).fetchone()
        return Session(*loaded(row)) if row else None

    def sessions_from(self, prefix: str) -> list[Session]:
        """Read all sessions whose ids begin with the prefix, in the order of their ids."""
        rows = self._reader.execute(f"{_SESSION} WHERE {_RANGE} ORDER BY id", (prefix, _past(prefix)))
        return [Session(*loaded(row)) for row in rows]

    def save_session(self, session: Session) -> None:
        """Write a new session."""
        with self._write() as db:
            db.execute(_PUT, self._values(session))

    def advance_session(self, session: Session) -> bool:
        """Write that a session has received more; tell whether there still is one."""
        values = (session.received, self.clock.text(), session.id)
        with self._write() as db:
            return db.execute("UPDATE sessions SET received = ?, touched = ? WHERE id = ?", values).rowcount == 1

    def replace_sessions(self, prefix: str, session: Session) -> list[str]:
        """Replace all sessions whose ids begin with the prefix by one; return the ids of those that were removed."""
        with self._write() as db:
            values = (prefix, _past(prefix))
            gone = [row[0] for row in db.execute(_SESSION + f" WHERE {_RANGE}", values)]
            db.execute("DELETE FROM sessions WHERE id >= ? AND id < ?", values)
            db.execute(_PUT, self._values(session))
        return gone

    def end_session(self, upload_id: str) -> None:
        """Remove a session."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE id = ?", (upload_id,))

    def sessions_under_way(self) -> set[str]:
        """Get the ids of the sessions that are not finished, which are also the names of their files."""
        return {row[0] for row in self._reader.execute("SELECT id FROM sessions WHERE done = 0")}

    def end_sessions_before(self, moment: str) -> None:
        """Remove the sessions that were last written before that time (RFC 3339, UTC)."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE touched < ?", (moment,))

    def _finished(self, db: sqlite3.Connection, upload_id: str, generation: int) -> bool:
        """Write which object a session has made, in the caller's transaction; tell whether there still is one."""
        values = (generation, upload_id)
        return db.execute("UPDATE sessions SET done = ? WHERE id = ?", values).rowcount == 1

    def _values(self, session: Session) -> tuple[str | int, ...]:
        return (
            session.id, session.bucket, session.name, session.received, session.done, dump(session.spec),
            self.clock.text(),
        )  # fmt: skip


def _past(prefix: str) -> str:
    """Make a text that sorts after every id that begins with the prefix: ids are hex digits, dots and dashes."""
    return prefix + "~"
