"""A folder on this machine, listed as a zip would be: for checks before anything is sent."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from jobs.limits import MIB, Limits
from vm_worker.intake.extents import Extent
from vm_worker.intake.listing import Found, too_large, too_many
from vm_worker.intake.names import shown


def list_folder(path: Path, limits: Limits) -> list[Found]:
    """Its files and folders; links are not followed. Raises UserError, and OSError for a folder closed to us."""
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
    for folder, folders, files in os.walk(root, onerror=_fail):
        folders[:] = sorted(name for name in folders if not os.path.islink(os.path.join(folder, name)))
        parts = Path(folder).relative_to(root).parts
        yield from (Found((*parts, name), None) for name in folders)
        for name in sorted(files):
            place = os.path.join(folder, name)
            status = os.lstat(place)
            if stat.S_ISREG(status.st_mode):
                yield Found((*parts, name), Extent(place, 0, status.st_size, status.st_size))


def _fail(error: OSError) -> None:
    raise error
