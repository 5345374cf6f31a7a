"""What the folders of an upload mean: wrappers, ready-made splits, classes, photos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.extents import Extent
from vm_worker.intake.listing import Found
from vm_worker.intake.names import claims_photo, clean, collision_key, is_litter, listed, may_be_photo, shown, smallest

SPLIT_FOLDERS = {
    "train": Part.TRAIN,
    "training": Part.TRAIN,
    "val": Part.VALIDATION,
    "valid": Part.VALIDATION,
    "validation": Part.VALIDATION,
    "test": Part.TEST,
    "testing": Part.TEST,
}


@dataclass(frozen=True)
class Photo:
    """A file that should be a photo, not yet opened."""

    name: str  # cleaned path in the upload
    label: str  # its class
    part: Part | None  # None: not said by a ready-made split
    certain: bool  # named like a picture: if it is none, it is a broken one
    extent: Extent


@dataclass(frozen=True)
class Survey:
    """An upload's photos by class, known from names and sizes alone."""

    classes: tuple[str, ...]  # sorted
    photos: tuple[Photo, ...]  # in the order of (class, name)
    skipped: tuple[Skipped, ...]  # files that are no photos of a class
    warnings: tuple[str, ...]
    ready_made_split: bool


@dataclass(frozen=True)
class _Tree:
    """The upload seen from one level down: `depth` folders wrap everything."""

    found: Sequence[Found]
    depth: int

    def tops(self) -> set[str]:
        """The folders at this level."""
        return {item.parts[self.depth] for item in self.found if self._in_folder(item)}

    def _in_folder(self, item: Found) -> bool:
        return len(item.parts) > self.depth + (item.extent is not None)

    def below(self, top: str) -> _Tree:
        """The same, inside one folder."""
        inside = [item for item in self.found if self._in_folder(item) and item.parts[self.depth] == top]
        return _Tree(inside, self.depth + 1)

    def loose_photos(self) -> bool:
        """A picture lies directly at this level."""
        return any(
            item.extent is not None and len(item.parts) == self.depth + 1 and claims_photo(item.parts[-1])
            for item in self.found
        )


def read_layout(found: Iterable[Found], limits: Limits) -> Survey:
    """Classes and photos of a listing. Raises UserError with the code that tells what is wrong with the folders."""
    kept = [item for item in found if item.parts and not is_litter(item.parts)]
    if not any(item.extent for item in kept):
        raise UserError("empty_zip", "There are no files in it.")
    tree = _unwrapped(_Tree(kept, 0))
    tops = tree.tops()
    if not tops:
        raise UserError("no_class_folders", "All files lie side by side, in no folder of a class.")
    splits = _splits(tree, tops)
    survey = _survey(kept, tree, splits)
    _check_classes(tree, splits, limits)
    _check_counts(survey, limits)
    return survey


def _unwrapped(tree: _Tree) -> _Tree:
    """Go down while one folder holds everything, and holds folders in turn."""
    while True:
        tops = tree.tops()
        if len(tops) != 1:
            return tree
        inside = tree.below(tops.pop())
        if not inside.tops() or inside.loose_photos():
            return tree
        tree = inside


def _splits(tree: _Tree, tops: set[str]) -> dict[str, Part]:
    """Each top folder's part, or nothing where the upload is not split."""
    parts = {top: SPLIT_FOLDERS[top.casefold()] for top in tops if top.casefold() in SPLIT_FOLDERS}
    if len(parts) < len(tops) or not 2 <= len(parts) <= len(SPLIT_FOLDERS):  # more: a thousand spellings of one name
        return {}
    return parts if all(tree.below(top).tops() for top in tops) else {}


def _survey(found: Sequence[Found], tree: _Tree, splits: dict[str, Part]) -> Survey:
    level = tree.depth + (1 if splits else 0)
    split = Part.TRAIN in splits.values()  # without a part to learn from, the rest is put together and cut anew
    photos, skipped = [], []
    for item in _last_of_each_name(found):
        if item.extent is None:
            continue
        name = clean("/".join(item.parts))
        if not may_be_photo(item.parts[-1]):
            skipped.append(Skipped(name, "is not a photo"))
        elif len(item.parts) <= level + 1:
            skipped.append(Skipped(name, "is not in the folder of a class"))
        else:
            part = splits[item.parts[tree.depth]] if split else None
            photos.append(Photo(name, _class(item.parts[level]), part, claims_photo(name), item.extent))
    return Survey(
        classes=tuple(sorted(map(_class, _class_folders(tree, splits)))),
        photos=tuple(sorted(photos, key=lambda photo: (photo.label, photo.name, photo.extent.offset))),
        skipped=tuple(sorted(skipped, key=lambda skip: skip.name)),
        warnings=_warnings(tree.tops(), splits),
        ready_made_split=split,
    )


def _last_of_each_name(found: Sequence[Found]) -> Iterable[Found]:
    """A zip may hold a name twice; as when unpacking, the last one stands."""
    return {item.parts: item for item in found}.values()


def _class_folders(tree: _Tree, splits: dict[str, Part]) -> set[str]:
    if not splits:
        return tree.tops()
    return set().union(*(tree.below(top).tops() for top in splits))


def _class(folder: str) -> str:
    return clean(folder)


def _warnings(tops: set[str], splits: dict[str, Part]) -> tuple[str, ...]:
    if splits and Part.TRAIN not in splits.values():
        return (f"There is no train folder: {listed(sorted(tops))} were put together and split anew.",)
    if not splits and len(tops) > 1 and all(top.casefold() in SPLIT_FOLDERS for top in tops):
        return (
            f"The folders {listed(sorted(tops))} are named like a ready-made split, but not each of them "
            "holds class folders, so they were taken as classes.",
        )
    return ()


def _check_classes(tree: _Tree, splits: dict[str, Part], limits: Limits) -> None:
    same: dict[str, list[str]] = defaultdict(list)
    for folder in sorted(_class_folders(tree, splits)):
        same[collision_key(folder)].append(folder)
    for folders in same.values():
        if len(folders) > 1:
            raise UserError("class_name_collision", f"The folders {listed(folders)} are one name on many systems.")
    if len(same) > limits.classes_max:
        raise UserError(
            "too_many_classes", f"There are {len(same)} class folders; at most {limits.classes_max} are allowed."
        )


def _check_counts(survey: Survey, limits: Limits) -> None:
    if not survey.photos:
        raise UserError("no_images", "The class folders hold no JPEG, PNG, WebP, GIF or BMP files.")
    if len(survey.classes) < limits.classes_min:
        raise UserError("one_class", f"The only class folder is {shown(survey.classes[0])}.")
    counts = dict.fromkeys(survey.classes, 0)
    for photo in survey.photos:
        counts[photo.label] += 1
    check_class_sizes(counts, limits)


def check_class_sizes(counts: dict[str, int], limits: Limits) -> None:
    """Raises UserError `class_too_small`, naming the smallest classes and how many photos they have."""
    small = {name: count for name, count in counts.items() if count < limits.class_images_min}
    if small:
        raise UserError(
            "class_too_small",
            f"{smallest(small)}; each class needs at least {limits.class_images_min} photos that can be read.",
        )
