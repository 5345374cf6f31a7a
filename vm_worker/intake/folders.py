"""List a folder of photos as a zip is listed, for checks before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from jobs.errors import UserError
from jobs.limits import MIB, Limits
from vm_worker.intake.extents import Extent
from vm_worker.intake.files.entry_paths import DEPTH_MAX
from vm_worker.intake.listing import Found, too_large, too_many
from vm_worker.intake.names import shown


def list_folder(path: Path, limits: Limits) -> list[Found]:
    """List the folder's files and folders. Links are not followed, devices and pipes are left out.

    Raises UserError past a limit, and OSError for a folder that may not be read.
    """
    found: list[Found] = []
    total = 0
    for item in _walk(path):
        found.append(item)
        if len(found) > limits.zip_entries:
            raise too_many(limits)
        if item.extent is None:
            continue
        total += item.extent.size
        if item.extent.size > limits.entry_bytes:
            name, most = shown("/".join(item.parts)), limits.entry_bytes // 1_000_000
            raise too_large(f"The file {name} is larger than {most} MB.")
    if total > limits.zip_total_bytes:
        raise too_large(f"The folder holds more than {limits.zip_total_bytes // MIB:,} MiB.")
    return found


def _walk(root: Path) -> Iterator[Found]:
    """Yield files and folders one by one; os.walk would list a whole folder at once, and recurse."""
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        if len(parts) > DEPTH_MAX:
            raise UserError("unsafe_zip", f"A folder lies more than {DEPTH_MAX} folders deep.")
        with os.scandir(os.path.join(root, *parts)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((*parts, entry.name))
                    yield Found((*parts, entry.name), None)
                elif entry.is_file(follow_symlinks=False):
                    size = entry.stat(follow_symlinks=False).st_size
                    yield Found((*parts, entry.name), Extent(entry.path, 0, size, size))
