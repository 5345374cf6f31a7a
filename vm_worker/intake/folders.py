"""List a folder of photos as a zip is listed, for checks before anything is sent."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from jobs.errors import UserError
from jobs.folders import Kind, TooDeep, entries
from jobs.limits import MIB, Limits
from vm_worker.intake.extents import Extent
from vm_worker.intake.listing import Found, too_large, too_many
from vm_worker.intake.names import clean, shown


def list_folder(path: Path, limits: Limits) -> list[Found]:
    """List the folder's files and folders. Links are not followed, devices and pipes are left out.

    Raises UserError past a limit, and OSError for a folder that may not be read.
    """
    try:
        return _listed(path, limits)
    except TooDeep as error:
        raise UserError("unsafe_zip", str(error)) from error


def links(path: Path, limits: Limits) -> list[str]:
    """Return the cleaned names of a folder's links, which are left out. A zip has none."""
    try:
        found = [entry for entry in islice(entries(path), limits.zip_entries) if entry.kind is Kind.LINK]
    except (OSError, ValueError):
        return []  # a zip, or a folder that may not be read
    return [clean(name) for name in sorted(entry.name for entry in found)]


def _listed(path: Path, limits: Limits) -> list[Found]:
    found: list[Found] = []
    total = 0
    for entry in entries(path):
        if entry.kind not in (Kind.FOLDER, Kind.FILE):
            continue
        item = Found(entry.parts, Extent(entry.path, 0, entry.size, entry.size) if entry.kind is Kind.FILE else None)
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
