"""The folders of an upload, with the photos in them; folders without photos are left away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vm_worker.intake.listing import Found

STRAY = 12  # photos of a wrapper, for each of which one may lie beside its folders


@dataclass(frozen=True)
class Folder:
    """A folder with photos in it, at any depth."""

    name: str  # as it stands in the upload; empty: the upload itself
    photos: tuple[Found, ...]  # those that lie right in it
    folders: Mapping[str, Folder]  # by name, in the upload's order

    def all_photos(self) -> Iterator[Found]:
        """Yield the photos in it at any depth."""
        yield from self.photos
        for folder in self.folders.values():
            yield from folder.all_photos()

    def tops(self) -> tuple[Folder, ...]:
        """Return the folders that lie right in it."""
        return tuple(self.folders.values())

    @property
    def is_flat(self) -> bool:
        """Whether it holds photos and no folder."""
        return not self.folders


def tree_of(photos: Sequence[Found], depth: int = 0, name: str = "") -> Folder:
    """Build the tree of these photos, all of which lie in one folder that is `depth` folders deep."""
    here: list[Found] = []
    inside: dict[str, list[Found]] = {}
    for item in photos:
        if len(item.parts) == depth + 1:
            here.append(item)
        else:
            inside.setdefault(item.parts[depth], []).append(item)
    folders = {folder: tree_of(items, depth + 1, folder) for folder, items in inside.items()}
    return Folder(name, tuple(here), folders)


def unwrapped(folder: Folder) -> Folder:
    """Go down while one folder holds all folders, and few photos or none lie right in that one."""
    while len(folder.folders) == 1:
        (inner,) = folder.tops()
        if inner.is_flat or not _wraps(inner):
            return folder
        folder = inner
    return folder


def _wraps(folder: Folder) -> bool:
    """Return whether the folders in it are classes for all that is known: a cover or two may lie beside several."""
    if not folder.photos:
        return True
    return len(folder.folders) > 1 and len(folder.photos) * STRAY <= sum(1 for _ in folder.all_photos())


def merged(folders: Sequence[Folder]) -> Folder:
    """Put the contents of several folders together; folders of one name become one."""
    same: dict[str, list[Folder]] = {}
    for folder in folders:
        for inner in folder.tops():
            same.setdefault(inner.name, []).append(inner)
    together = {name: inner[0] if len(inner) == 1 else _one(name, inner) for name, inner in same.items()}
    return Folder("", tuple(photo for folder in folders for photo in folder.photos), together)


def _one(name: str, folders: Sequence[Folder]) -> Folder:
    both = merged(folders)
    return Folder(name, both.photos, both.folders)


def without_photos(paths: Iterable[tuple[str, ...]], root: Folder, closed: set[int]) -> Iterator[tuple[str, ...]]:
    """Yield the outermost of these folders that hold no photo, each once; not those inside of folders in `closed`.

    `closed` are the ids of Folder objects in the tree.
    """
    seen: set[tuple[str, ...]] = set()
    for path in paths:
        folder = root
        for depth, name in enumerate(path, start=1):
            if name not in folder.folders:
                if path[:depth] not in seen:
                    seen.add(path[:depth])
                    yield path[:depth]
                break
            folder = folder.folders[name]
            if id(folder) in closed:
                break
