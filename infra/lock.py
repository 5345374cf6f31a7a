"""A lock that lets only one program use a data folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FolderInUseError(Exception):
    """The error that another program uses the folder."""


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Lock the folder. The lock ends with its process, even after a crash. Raises FolderInUseError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(folder) from error
        yield
