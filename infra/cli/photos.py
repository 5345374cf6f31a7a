"""A user's photos, before and after a job: how many there are, and one to test the model with."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from jobs.limits import Limits

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"})
PHOTOS_A_MINUTE = 400  # beside the two minutes that any job needs


def default_minutes(path: Path, limits: Limits) -> int:
    """The least that the service takes, and one minute for each 400 photos; at most what the service takes."""
    return min(limits.minutes_min + len(names(path)) // PHOTOS_A_MINUTE, limits.minutes_max)


def names(path: Path) -> list[str]:
    """The files of a zip or folder that look like photos; none for what is no zip (the service will say so)."""
    if path.is_dir():
        found = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
    else:
        found = _entries(path)
    return sorted(name for name in found if _is_photo(PurePosixPath(name)))


def copy_one(path: Path, name: str, folder: Path) -> Path:
    """Copy the photo called `name` out of a zip or folder, to a path that the zip has no say in."""
    copy = folder / f"photo{PurePosixPath(name).suffix}"
    if path.is_dir():
        copy.write_bytes((path / name).read_bytes())
    else:
        with zipfile.ZipFile(path) as archive:
            copy.write_bytes(archive.read(name))
    return copy


def _entries(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except Exception:  # a malformed zip raises any of seven types, and each means the same here
        return []


def _is_photo(name: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return name.suffix.lower() in SUFFIXES and not hidden
