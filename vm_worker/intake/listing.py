"""A file or folder of an upload, and the refusals that zips and folders share."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.extents import Extent


@dataclass(frozen=True)
class Found:
    """A file or folder of the upload; `parts` are its raw path."""

    parts: tuple[str, ...]
    extent: Extent | None  # None: a folder


def too_large(message: str) -> UserError:
    """The upload is past a limit of size."""
    return UserError("too_large_zip", message)


def too_many(limits: Limits) -> UserError:
    """The upload holds more files than are allowed."""
    return too_large(f"There are more than {limits.zip_entries:,} files.")
