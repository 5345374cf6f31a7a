"""Makes a worker's own folder for scratch files, and removes the folders of workers that were killed.

A folder belongs to a living worker as long as its lock is held; the system lets go of a lock with its process.
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
    """`<root>/<name>` until the block ends. Raises OSError where the folder cannot be made."""
    root.mkdir(parents=True, exist_ok=True)
    own = root / name
    with (root / LOCK).open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)  # nobody takes a folder for dead between its making and its locking
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
    """Remove the folders of workers that were killed: photos of users must not stay where nobody looks after them."""
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
