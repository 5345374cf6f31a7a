"""Compares the files in an emulator's data folder with what its index names."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def strays(data: Path) -> set[str]:
    """Contents that nothing names, in files or in the index: what a crash may leave, and a restart removes."""
    bodies, sessions, held, contents = _named(data)
    files = {path.name for path in (data / "objects").iterdir()}
    incoming = {path.name for path in (data / "incoming").iterdir()}
    return (files - bodies) | (incoming - sessions) | (contents - held)


def missing(data: Path) -> set[str]:
    """Contents that an object should have and that are not there: none, ever."""
    bodies, _, held, contents = _named(data)
    return (bodies - {path.name for path in (data / "objects").iterdir()}) | (held - contents)


def _named(data: Path) -> tuple[set[str], set[str], set[str], set[str]]:
    tables = ("objects", "versions", "soft_objects")
    rows = "(" + " UNION ".join(f"SELECT body, generation FROM {table}" for table in tables) + ")"  # noqa: S608
    with closing(sqlite3.connect(f"file:{data / 'index.sqlite'}?mode=ro", uri=True)) as db:
        return (
            _texts(db, f"SELECT body FROM {rows} WHERE body <> ''"),  # noqa: S608 - our own text
            _texts(db, "SELECT id FROM sessions WHERE done = 0"),
            _texts(db, f"SELECT generation FROM {rows} WHERE body = ''"),  # noqa: S608
            _texts(db, "SELECT generation FROM contents"),
        )


def _texts(db: sqlite3.Connection, query: str) -> set[str]:
    return {str(row[0]) for row in db.execute(query)}
