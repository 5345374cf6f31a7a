"""The files and folders of an upload, and the refusals that zips and folders share."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.extents import Extent


@dataclass(frozen=True)
class Found:
    """A file or folder of the upload."""

    parts: tuple[str, ...]  # its path as it stands in the upload
    extent: Extent | None  # None: a folder
    code_page: str = ""  # the code page that was guessed for its name; empty: none was


def too_large(message: str) -> UserError:
    """Return the error for an upload past a limit of size."""
    return UserError("too_large_zip", message)


def too_many(limits: Limits) -> UserError:
    """Return the error for an upload with more files than are allowed."""
    return too_large(f"There are more than {limits.zip_entries:,} files.")
