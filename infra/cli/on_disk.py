"""Where a photo of a report lies in a folder of photos: the disk may spell its name, and those of folders, otherwise.

A report has cleaned names: in Unicode's form NFC, with invisible characters replaced. A Mac writes NFD, and the parts
of a ready-made split may spell one class in two ways.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from vm_worker.intake.names import clean, collision_key


def absent(folder: Path) -> str:
    """Return a sentence on a folder that is not there; for a zip, what to do with it."""
    zipped = ": unpack the zip, and give the folder" if folder.suffix == ".zip" else ""
    return f"There is no folder {folder}{zipped}."


def photo(folder: Path, name: str) -> str:
    """Return the photo's path in the folder, with slashes; the name itself where no such photo is there.

    A name in an upload may begin with the folder that was zipped. Raises OSError.
    """
    whole, inner = PurePosixPath(name), PurePosixPath(name.partition("/")[2])
    if whole.is_absolute() or ".." in whole.parts or inner.is_absolute():
        return name
    return _walked(folder, whole.parts) or _walked(folder, inner.parts) or name


def in_class(folder: Path, parts: tuple[str, ...], label: str, to: str) -> str | None:
    """Return the path in the folder of class `to` of a photo in that of `label`; None where none of its folders is it.

    Where several are, it is the one beside which there is a folder of `to`, else the last one. Raises OSError.
    """
    places = [place for place, part in enumerate(parts[:-1]) if collision_key(part) == collision_key(label)]
    spelt = {place: _folder(folder.joinpath(*parts[:place]), to) for place in reversed(places)}
    place = next((place for place, name in spelt.items() if name), max(places, default=None))
    if place is None:
        return None
    return "/".join((*parts[:place], spelt[place] or to, *parts[place + 1 :]))


def _walked(folder: Path, parts: tuple[str, ...]) -> str:
    """Return the path that these parts of a cleaned name stand for; empty where there is none."""
    found: list[str] = []
    for part in parts:
        found.append(_spelt(folder.joinpath(*found), part, clean))
        if not found[-1]:
            return ""
    return "/".join(found)


def _folder(parent: Path, name: str) -> str:
    """Return how the folder of a class is spelt; empty where there is none."""
    spelt = _spelt(parent, name, collision_key)
    return spelt if spelt and (parent / spelt).is_dir() else ""


def _spelt(parent: Path, name: str, key: Callable[[str], str]) -> str:
    """Return the name as it stands in a folder: exactly, or else the only one with its key; empty where none is."""
    if os.path.lexists(parent / name):
        return name
    if parent.is_symlink() or not parent.is_dir():
        return ""
    found = [other for other in os.listdir(parent) if key(other) == key(name)]
    return found[0] if len(found) == 1 else ""
