"""The output of a stage: a typed result for its manifest, and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vm_worker.as_json import AsJson
from vm_worker.events import File
from vm_worker.exports import files


def public(name: str) -> File:
    """Return the entry of a file that the user may download."""
    return File(name, True, files.CONTENT_TYPES.get(Path(name).suffix, files.BYTES))


def private(name: str) -> File:
    """Return the entry of a file that only later stages read."""
    return File(name, False)


@dataclass(frozen=True)
class Output:
    """The result and the files of one stage."""

    result: AsJson
    files: tuple[File, ...] = ()
