"""Tell which top folders hold photos that are set aside: parts of a split, and photos without labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from jobs.part_words import OPPOSITES
from vm_worker.intake.dataset import Part
from vm_worker.intake.names import collision_key, counted, shown
from vm_worker.tasks.classification.layout import inside
from vm_worker.tasks.classification.part_names import PartName, Role, part_name
from vm_worker.tasks.classification.tree import Folder

PARTS = {Role.TRAIN: Part.TRAIN, Role.VALIDATION: Part.VALIDATION, Role.TEST: Part.TEST}


def role(folder: Folder) -> Role | None:
    """Return the use that the folder's name gives its photos; None where it holds no word for a part."""
    name = part_name(folder.name)
    return name.role if name else None


def is_set_aside(folder: Folder) -> bool:
    """Return whether a folder's whole name says that its photos are not to learn from: `test`, `val_images`."""
    name = part_name(folder.name)
    return name is not None and name.whole and name.role != Role.TRAIN


def is_unlabelled(folder: Folder, beside: Sequence[Folder], corroborated: bool = False) -> bool:
    """Return whether a folder is a part without class folders, such as `test` with photos right in it.

    `beside` are the folders at its side, with itself. A name such as `seg_test` is enough only where there is another
    sign of a split. `train` alone is a class: it may be about trains.
    """
    name = part_name(folder.name)
    if name is None or not folder.is_flat or _has_opposite(name, beside):
        return False
    if name.role == Role.TRAIN:
        return name.whole and not name.bare
    return name.whole or corroborated


def may_be_unlabelled(folder: Folder) -> bool:
    """Return whether a folder may be a part without labels as well as a class: `seg_test`, `covid_test`."""
    name = part_name(folder.name)
    return name is not None and folder.is_flat and name.role != Role.TRAIN and not name.whole and name.last


def without_labels(parts: Sequence[Folder]) -> list[Folder]:
    """Return the parts of a split that have no class folders, by their names or as in `test/unknown`."""
    counts = Counter(key for part in parts for key in inside(part))
    train = {key for part in parts if role(part) == Role.TRAIN for key in inside(part)}
    known = train or {key for key, count in counts.items() if count > 1}
    return [
        part
        for part in parts
        if role(part) == Role.UNLABELLED
        or (role(part) != Role.TRAIN and len(inside(part)) == 1 and not known.intersection(inside(part)))
    ]


def are_parts(folders: Sequence[Folder]) -> bool:
    """Return whether the names of these folders make a split: not just `crash_test` and `steam_train`."""
    found = [name for folder in folders if (name := part_name(folder.name))]
    rests: dict[Role, set[str]] = {}
    for name in found:
        rests.setdefault(name.role, set()).add(name.rest)
    alike = len(rests) > 1 and bool(set.intersection(*rests.values()))
    return len(found) == len(folders) and (alike or any(name.whole for name in found))


def are_kinds(folders: Sequence[Folder]) -> bool:
    """Return whether all names hold one word for a part, and so are kinds of a thing: `covid_test`, `flu_test`."""
    found = [name for folder in folders if (name := part_name(folder.name)) and name.rest]
    return len(found) == len(folders) and len({name.word for name in found}) == 1


def left_out(folders: Iterable[Folder]) -> list[str]:
    """Return a sentence about each folder whose photos are not used, because they lie in no folder of a class."""
    told = []
    for folder in folders:
        photos = counted(sum(1 for _ in folder.all_photos()), "photo")
        told.append(f"The folder {shown(folder.name)} holds no folders of classes, so its {photos} were left out.")
    return told


def _has_opposite(name: PartName, beside: Sequence[Folder]) -> bool:
    opposite = OPPOSITES.get(name.word)
    return opposite is not None and any(other.is_flat and collision_key(other.name) == opposite for other in beside)
