"""The scratch folder of a worker, and the removal of the folders of workers that were killed.

A worker holds a file lock on its folder as long as it lives; the system releases the lock when the process ends.
"""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = ".lock"

log = logging.getLogger(__name__)


@contextmanager
def scratch_folder(root: Path, name: str) -> Iterator[Path]:
    """Make the folder `<root>/<name>` and remove it after the block. Raises OSError when it cannot be made."""
    root.mkdir(parents=True, exist_ok=True)
    own = root / name
    with (root / LOCK).open("w") as gate:
        # Between its making and its locking, no other worker may take the folder for an abandoned one.
        fcntl.flock(gate, fcntl.LOCK_EX)
        _clear(root)
        own.mkdir()
        lock = (own / LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def _clear(root: Path) -> None:
    """Remove the folders of workers that were killed: they may hold photos of users."""
    for lock in sorted(root.glob(f"*/{LOCK}")):
        with lock.open("w") as file:
            if _free(file):
                log.info("removing the folder of a worker that was killed")
                shutil.rmtree(lock.parent, ignore_errors=True)


def _free(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
