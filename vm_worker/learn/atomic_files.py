"""Files that are there whole or not at all, whoever else writes them at the same time.

A task of a cluster may run twice at a time: a node that the network has cut off is given up, and goes on working.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name of one's own beside `path`, with its ending, which takes its place once the block has ended well."""
    part = path.with_name(f"part-{uuid.uuid4().hex}-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
