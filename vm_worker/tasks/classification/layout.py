"""The layout of an upload: the folders that are its classes, each perhaps in a part of a ready-made split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from jobs.errors import UserError
from vm_worker.intake.dataset import Part
from vm_worker.intake.names import clean, collision_key, listed
from vm_worker.tasks.classification.tree import Folder, unwrapped


@dataclass(frozen=True)
class ClassFolder:
    """A folder all photos of which, at any depth, show one class."""

    name: str  # of the class
    folder: Folder
    part: Part | None = None  # by a ready-made split


@dataclass(frozen=True)
class Layout:
    """The class folders of an upload, and sentences on how they were found. Photos elsewhere are not used."""

    classes: tuple[ClassFolder, ...]
    warnings: tuple[str, ...] = ()

    @property
    def ready_made_split(self) -> bool:
        """Whether the folders say which photos are for training."""
        return any(one.part == Part.TRAIN for one in self.classes)

    def counts(self) -> dict[str, int]:
        """Count the photos of each class."""
        counts: dict[str, int] = {}
        for one in self.classes:
            counts[one.name] = counts.get(one.name, 0) + sum(1 for _ in one.folder.all_photos())
        return counts

    def warned(self, *warnings: str) -> Layout:
        """Return the layout with these sentences before its own."""
        return replace(self, warnings=(*warnings, *self.warnings))

    def undivided(self) -> Layout:
        """Return the layout without parts: all photos are split anew."""
        return replace(self, classes=tuple(replace(one, part=None) for one in self.classes))


def names(folders: Iterable[Folder]) -> list[str]:
    """Return the folders' names, sorted."""
    return sorted(folder.name for folder in folders)


def without(tops: Iterable[Folder], some: Iterable[Folder]) -> list[Folder]:
    """Return the top folders but for some of them."""
    left = {folder.name for folder in some}
    return [top for top in tops if top.name not in left]


def inside(top: Folder) -> dict[str, Folder]:
    """Return the folders in a top folder, by a key that is equal for spellings of one name.

    A folder that wraps all others is opened: in `train/images/{cats,dogs}` they are `cats` and `dogs`.
    """
    return {collision_key(folder.name): folder for folder in unwrapped(top).tops()}


def of_tops(tops: Iterable[Folder]) -> Layout:
    """Take each folder as a class. Raises UserError `class_name_collision`."""
    tops = tuple(tops)
    check_names(top.name for top in tops)
    return Layout(tuple(ClassFolder(clean(top.name), top) for top in tops))


def of_parts(parts: Sequence[tuple[Folder, Part]]) -> Layout:
    """Take the folders in these parts as classes; in different parts, spellings of one name are one class.

    Raises UserError `class_name_collision`.
    """
    spellings: dict[str, list[str]] = {}
    classes = []
    for top, part in sorted(parts, key=lambda pair: pair[1]):
        folders = unwrapped(top).tops()
        check_names(folder.name for folder in folders)
        for folder in folders:
            same = spellings.setdefault(collision_key(folder.name), [])
            same.append(clean(folder.name))
            classes.append(ClassFolder(same[0], folder, part))
    different = [sorted(set(same)) for same in spellings.values() if len(set(same)) > 1]
    layout = Layout(tuple(classes), tuple(f"{listed(same)} were taken as one class." for same in different))
    if not layout.ready_made_split:
        tops = listed(names(top for top, _ in parts))
        return layout.undivided().warned(f"There is no train folder: {tops} were put together and split anew.")
    return layout if len({part for _, part in parts}) > 1 else layout.undivided()


def check_names(folders: Iterable[str]) -> None:
    """Check that no two of these folders have one name on many systems. Raises UserError `class_name_collision`."""
    same: dict[str, list[str]] = {}
    for folder in sorted(folders):
        same.setdefault(collision_key(folder), []).append(folder)
    for alike in same.values():
        if len(alike) > 1:
            raise UserError("class_name_collision", f"The folders {listed(alike)} are one name on many systems.")
