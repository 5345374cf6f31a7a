"""The index's uploads that take more than one request: resumable sessions, and the parts of multipart uploads."""

from __future__ import annotations

from infra.emulator.resources.rows import Session, dump
from infra.emulator.store.database import Database
from infra.emulator.store.tables import loaded

_SESSION = "SELECT id, bucket, name, received, done, spec FROM sessions"
_PUT = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)"
_RANGE = "id >= ? AND id < ?"


class Sessions(Database):
    """Their rows. A row's id is the name of the file with what has come so far."""

    def session(self, upload_id: str) -> Session | None:
        """A session, under way or done, or None."""
        row = self._reader.execute(f"{_SESSION} WHERE id = ?", (upload_id,)).fetchone()
        return Session(*loaded(row)) if row else None

    def sessions_from(self, prefix: str) -> list[Session]:
        """All whose ids start so, in the order of their ids."""
        rows = self._reader.execute(f"{_SESSION} WHERE {_RANGE} ORDER BY id", (prefix, _past(prefix)))
        return [Session(*loaded(row)) for row in rows]

    def save_session(self, session: Session) -> None:
        """Begin one, or note how far it is."""
        with self._write() as db:
            db.execute(_PUT, self._values(session))

    def replace_sessions(self, prefix: str, session: Session) -> list[str]:
        """Put one in place of all whose ids start so; the ids of those that are gone."""
        with self._write() as db:
            values = (prefix, _past(prefix))
            gone = [row[0] for row in db.execute(_SESSION + f" WHERE {_RANGE}", values)]
            db.execute("DELETE FROM sessions WHERE id >= ? AND id < ?", values)
            db.execute(_PUT, self._values(session))
        return gone

    def end_session(self, upload_id: str) -> None:
        """Forget it."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE id = ?", (upload_id,))

    def sessions_under_way(self) -> set[str]:
        """The ids of those that are not done, which are also their files' names."""
        return {row[0] for row in self._reader.execute("SELECT id FROM sessions WHERE done = 0")}

    def end_sessions_before(self, moment: str) -> None:
        """Forget those that nobody has touched since then (RFC 3339, UTC)."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE touched < ?", (moment,))

    def _values(self, session: Session) -> tuple[str | int, ...]:
        return (
            session.id, session.bucket, session.name, session.received, session.done, dump(session.spec),
            self.clock.text(),
        )  # fmt: skip


def _past(prefix: str) -> str:
    """Behind every id that starts so: ids are hex digits, dots and dashes."""
    return prefix + "~"
