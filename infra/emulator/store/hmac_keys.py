"""The part of the index for HMAC keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

from infra.emulator.protocol.errors import NO_SUCH_HMAC_KEY, ApiError
from infra.emulator.resources.hmac_keys import ACTIVE, HmacKey
from infra.emulator.store.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS hmac_keys (
    access_id TEXT PRIMARY KEY, project TEXT, email TEXT, secret TEXT, state TEXT, created TEXT, updated TEXT,
    revision INTEGER
) WITHOUT ROWID;
"""
_SELECT = "SELECT access_id, project, email, secret, state, created, updated, revision FROM hmac_keys"
_PUT = "INSERT OR REPLACE INTO hmac_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class HmacKeys(Database):
    """The rows of HMAC keys. Deleted ones stay, as the service shows them for a while."""

    def hmac_key(self, access_id: str) -> HmacKey | None:
        """Read a key; None if there is none."""
        row = self._reader.execute(f"{_SELECT} WHERE access_id = ?", (access_id,)).fetchone()
        return HmacKey(*row) if row else None

    def hmac_keys(self, project: str) -> list[HmacKey]:
        """Read the keys of a project, in the order of their access IDs."""
        rows = self._reader.execute(f"{_SELECT} WHERE project = ? ORDER BY access_id", (project,))
        return [HmacKey(*row) for row in rows]

    def secret_of(self, access_id: str) -> str:
        """Get the secret of an active key; "" if there is none."""
        key = self.hmac_key(access_id)
        return key.secret if key and key.state == ACTIVE else ""

    def save_hmac_key(self, key: HmacKey) -> None:
        """Write a new key."""
        with self._write() as db:
            db.execute(_PUT, astuple(key))

    def change_hmac_key(self, access_id: str, change: Callable[[HmacKey], HmacKey]) -> HmacKey:
        """Replace a key by `change(key)`. Raises ApiError 404."""
        with self._write() as db:
            row = db.execute(f"{_SELECT} WHERE access_id = ?", (access_id,)).fetchone()
            if row is None:
                raise ApiError(NO_SUCH_HMAC_KEY)
            key = change(HmacKey(*row))
            db.execute(_PUT, astuple(key))
        return key
