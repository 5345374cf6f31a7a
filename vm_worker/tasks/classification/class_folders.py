"""Read an upload by its folders: those that only wrap others, those of a ready-made split, and those of classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.arrays import Rows
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.listing import Found
from vm_worker.intake.names import (
    claims_photo,
    clean,
    collision_key,
    counted,
    is_litter,
    listed,
    may_be_photo,
    shown,
    smallest,
)
from vm_worker.intake.survey import Photo, Survey
from vm_worker.tasks.classification.truth import ClassTruth

SPLIT_FOLDERS = {
    "train": Part.TRAIN,
    "training": Part.TRAIN,
    "val": Part.VALIDATION,
    "valid": Part.VALIDATION,
    "validation": Part.VALIDATION,
    "test": Part.TEST,
    "testing": Part.TEST,
}


class ClassFolders:
    """A reader of uploads whose folders are the classes."""

    def recognises(self, found: Sequence[Found]) -> bool:
        """Return True: any upload may have class folders. `survey` says what is wrong with them."""
        return True

    def survey(self, found: Sequence[Found], limits: Limits) -> Survey:
        """Find classes and photos. Raises UserError with the code that says what is wrong with the folders."""
        return read_layout(found, limits)

    def check(self, counts: Mapping[str, int], limits: Limits) -> None:
        """Check the number of usable photos of each class. Raises UserError `class_too_small`."""
        check_class_sizes(counts, limits)

    def conflicts(self, survey: Survey, kept: Sequence[int], exact: Rows) -> tuple[str, ...]:
        """Return a sentence about pictures that lie in more than one class; none where there are no such pictures.

        `kept` are indices into the survey's photos. `exact` (len(kept),) int64 is equal for exact copies of a picture.
        """
        groups: dict[int, list[Photo]] = defaultdict(list)
        for index, number in zip(kept, exact.tolist(), strict=True):
            groups[number].append(survey.photos[index])
        mixed = [group for group in groups.values() if len({photo.stratum for photo in group}) > 1]
        if not mixed:
            return ()
        names, pictures = listed([photo.name for photo in mixed[0]], most=3), counted(len(mixed), "picture")
        return (f"In more than one class: {pictures}, such as {names}; a model cannot learn both.",)

    def cautions(self, counts: Mapping[str, int], limits: Limits) -> tuple[str, ...]:
        """Return a sentence about classes so small that their test figure is rough; none where all are large."""
        few = {name: count for name, count in counts.items() if count < limits.class_images_warn}
        if not few:
            return ()
        least = limits.class_images_warn
        return (f"Fewer than {least} photos in a class make the test figure rough: {smallest(few)}.",)

    def truth(self, survey: Survey, kept: Sequence[int]) -> ClassTruth:
        """Return the class of each photo that is used; `kept` are indices into the survey's photos."""
        label_of = {name: label for label, name in enumerate(survey.strata)}
        labels = np.array([label_of[survey.photos[index].stratum] for index in kept], dtype=np.int64)
        return ClassTruth(survey.strata, labels)


@dataclass(frozen=True)
class _Tree:
    """The files of an upload below `depth` levels of folders."""

    found: Sequence[Found]
    depth: int

    def tops(self) -> set[str]:
        """Return the names of the folders at this level."""
        return {item.parts[self.depth] for item in self.found if self._in_folder(item)}

    def _in_folder(self, item: Found) -> bool:
        return len(item.parts) > self.depth + (item.extent is not None)

    def below(self, top: str) -> _Tree:
        """Return the tree inside one folder of this level."""
        inside = [item for item in self.found if self._in_folder(item) and item.parts[self.depth] == top]
        return _Tree(inside, self.depth + 1)

    def loose_photos(self) -> bool:
        """Return whether a picture lies directly at this level, in none of its folders."""
        return any(
            item.extent is not None and len(item.parts) == self.depth + 1 and claims_photo(item.parts[-1])
            for item in self.found
        )


def read_layout(found: Iterable[Found], limits: Limits) -> Survey:
    """Find classes and photos. Raises UserError with the code that says what is wrong with the folders."""
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
    """Go down while one folder holds everything and has folders itself."""
    while True:
        tops = tree.tops()
        if len(tops) != 1:
            return tree
        inside = tree.below(tops.pop())
        if not inside.tops() or inside.loose_photos():
            return tree
        tree = inside


def _splits(tree: _Tree, tops: set[str]) -> dict[str, Part]:
    """Return the part of each top folder; empty where the upload is not split."""
    parts = {top: SPLIT_FOLDERS[top.casefold()] for top in tops if top.casefold() in SPLIT_FOLDERS}
    # More folders than parts: two spellings of one name, as only a hostile upload has them.
    if len(parts) < len(tops) or not 2 <= len(parts) <= len(SPLIT_FOLDERS):
        return {}
    return parts if all(tree.below(top).tops() for top in tops) else {}


def _survey(found: Sequence[Found], tree: _Tree, splits: dict[str, Part]) -> Survey:
    level = tree.depth + (1 if splits else 0)
    split = Part.TRAIN in splits.values()  # without a training part, all photos are put together and split anew
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
        strata=tuple(sorted(map(_class, _class_folders(tree, splits)))),
        photos=tuple(sorted(photos, key=lambda photo: (photo.stratum, photo.name, photo.extent.offset))),
        skipped=tuple(sorted(skipped, key=lambda skip: skip.name)),
        warnings=_warnings(tree.tops(), splits),
        ready_made_split=split,
    )


def _last_of_each_name(found: Sequence[Found]) -> Iterable[Found]:
    """Return the last file of each name: a zip may hold a name twice, and unpacking keeps the last one."""
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
    if len(survey.strata) < limits.classes_min:
        raise UserError("one_class", f"The only class folder is {shown(survey.strata[0])}.")
    counts = dict.fromkeys(survey.strata, 0)
    for photo in survey.photos:
        counts[photo.stratum] += 1
    check_class_sizes(counts, limits)


def check_class_sizes(counts: Mapping[str, int], limits: Limits) -> None:
    """Check that each class has enough photos.

    Raises UserError `class_too_small`, with the smallest classes and their numbers of photos.
    """
    small = {name: count for name, count in counts.items() if count < limits.class_images_min}
    if small:
        raise UserError(
            "class_too_small",
            f"{smallest(small)}; each class needs at least {limits.class_images_min} photos that can be read.",
        )
