"""Write a file so that readers find it whole or not at all, whoever else writes it at the same time.

On a cluster a task may run twice at the same time: a node that the network has cut off is given up, but works on.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = "part-"  # how the name of a file begins that is not whole yet


@contextmanager
def replacing(path: Path, *, lasting: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same ending. It replaces `path` once the block has ended well.

    Where the block raises, the temporary file is removed and `path` stays as it was. With `lasting`, the new file also
    survives a power cut from then on. Without it, a power cut may leave an empty file.
    """
    part = path.with_name(f"{PART}{uuid.uuid4().hex}-{path.name}")
    try:
        yield part
        if lasting:
            _sync(part)
        part.replace(path)
        if lasting:
            _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Return once the disk has the content of a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
