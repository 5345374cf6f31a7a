"""Read an upload by its folders: photos, classes, a ready-made split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.arrays import Rows
from vm_worker.intake.dataset import Part, Skipped
from vm_worker.intake.files.code_pages import TITLES
from vm_worker.intake.listing import Found
from vm_worker.intake.names import SHOWN_LENGTH, clean, counted, is_litter, is_photo, listed, shown, smallest, suffix
from vm_worker.intake.survey import Photo, Survey
from vm_worker.learn.design import own_network
from vm_worker.tasks.classification.layout import Layout
from vm_worker.tasks.classification.reading import read
from vm_worker.tasks.classification.tree import Folder, tree_of, without_photos
from vm_worker.tasks.classification.truth import ClassTruth

ARCHIVES = frozenset("zip rar 7z tar gz tgz bz2 xz".split())  # suffixes of archives, which are not opened
IN_ARCHIVE = "is an archive inside the zip, which is not opened"
MAYBE_IN_ARCHIVES = frozenset({"no_images", "no_class_folders", "one_class", "class_too_small"})


class ClassFolders:
    """A reader of uploads whose folders are the classes.

    `level` is "inner" or "outer" where the user says which level of folders names the classes, else empty.
    """

    def __init__(self, level: str = "") -> None:
        self._level = level

    def at(self, level: str) -> ClassFolders:
        """Return a reader of uploads whose classes are on this level."""
        return ClassFolders(level)

    def recognises(self, found: Sequence[Found]) -> bool:
        """Return True: any upload may have class folders. `survey` says what is wrong with them."""
        return True

    def survey(self, found: Sequence[Found], limits: Limits) -> Survey:
        """Find classes and photos. Raises UserError with the code that says what is wrong with the folders."""
        return read_layout(found, limits, self._level)

    def check(self, counts: Mapping[str, int], limits: Limits) -> None:
        """Check the number of usable photos of each class. Raises UserError `class_too_small`."""
        check_class_sizes(counts, limits)

    def conflicts(self, survey: Survey, kept: Sequence[int], exact: Rows) -> tuple[str, ...]:
        """Return a sentence about pictures that lie in more than one class; none where there are no such pictures.

        `kept` are indices into the survey's photos. `exact` (len(kept),) int64 is equal for exact copies of a picture.
        Raises UserError `copied_class` where all photos of a class lie in another one, too.
        """
        groups: dict[int, list[Photo]] = defaultdict(list)
        for index, number in zip(kept, exact.tolist(), strict=True):
            groups[number].append(survey.photos[index])
        mixed = [group for group in groups.values() if len({photo.stratum for photo in group}) > 1]
        if not mixed:
            return ()
        _check_copied(groups.values())
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


def read_layout(found: Iterable[Found], limits: Limits, level: str = "") -> Survey:
    """Find classes and photos. Raises UserError with the code that says what is wrong with the folders."""
    kept = [item for item in found if item.parts and not is_litter(item.parts)]
    files = [(item, item.extent) for item in kept if item.extent is not None]
    if not files:
        raise UserError("empty_zip", "There are no files in it.")
    photos = [item for item, extent in files if is_photo(item.parts[-1], extent.head)]
    ids = set(map(id, photos))
    others = [_path(item) for item, _ in files if id(item) not in ids and not own_network.is_network(item.parts)]
    archives = [name for name in others if suffix(name) in ARCHIVES]
    try:
        survey = _survey(kept, photos, level)
        _check_classes(survey, limits)
    except UserError as error:
        raise _in_archives(error, archives) from error
    skipped = [Skipped(name, IN_ARCHIVE if name in archives else "is not a photo") for name in others]
    return replace(survey, skipped=tuple(sorted((*survey.skipped, *skipped), key=lambda skip: skip.name)))


def _survey(kept: Sequence[Found], photos: Sequence[Found], level: str) -> Survey:
    root = tree_of(photos)
    if not photos:
        raise UserError("no_images", "It holds no photos in a format that can be read.")
    layout = read(root, level)
    place = {id(photo): one for one in layout.classes for photo in one.folder.all_photos()}
    used, skipped = [], []
    for item, name, copy in _named(photos):
        one = place.get(id(item))
        if one is None or item.extent is None:
            skipped.append(Skipped(name, "is not in the folder of a class"))
        elif copy:
            skipped.append(Skipped(name, "is in the zip twice, with the same bytes"))
        else:
            used.append(Photo(name, one.name, one.part, True, item.extent))
    return Survey(
        strata=tuple(sorted({one.name for one in layout.classes})),
        photos=tuple(sorted(used, key=lambda photo: (photo.stratum, photo.name, photo.extent.offset))),
        skipped=tuple(skipped),
        warnings=(*layout.warnings, *_no_classes(kept, root, layout), *_code_pages(kept)),
        ready_made_split=layout.ready_made_split,
    )


def _path(item: Found) -> str:
    return clean("/".join(item.parts))


def _named(photos: Iterable[Found]) -> Iterator[tuple[Found, str, bool]]:
    """Yield each photo with a name that no other one has, and whether an earlier one has its path and its bytes."""
    paths: dict[tuple[str, ...], set[tuple[int, int | None]]] = {}
    counts: Counter[str] = Counter()
    for item in photos:
        bytes_ = paths.setdefault(item.parts, set())
        content = (item.extent.size, item.extent.crc) if item.extent else (0, None)
        name, copy = _path(item), content in bytes_
        if not copy:
            bytes_.add(content)
            counts[name] += 1
        yield item, name if copy or counts[name] == 1 else _numbered(name, counts[name]), copy


def _numbered(name: str, number: int) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem} ({number}){path.suffix}"))


def _no_classes(kept: Iterable[Found], root: Folder, layout: Layout) -> list[str]:
    """Return a sentence about the folders without photos that lie outside of classes."""
    folders = dict.fromkeys(item.parts if item.extent is None else item.parts[:-1] for item in kept)
    classes = {id(one.folder) for one in layout.classes}
    empty = ["/".join(path) for path in without_photos(folders, root, classes)]
    return [f"Folders without photos are no classes: {listed(empty)}."] if empty else []


def _code_pages(kept: Iterable[Found]) -> list[str]:
    """Return a sentence where the code page of names had to be guessed."""
    titles = sorted({TITLES[item.code_page] for item in kept if item.code_page})
    read_as = " and ".join(titles)
    return [f"The zip does not say how its names are written; they were read as {read_as}."] if titles else []


def _in_archives(error: UserError, archives: Sequence[str]) -> UserError:
    """Return the error, or where the photos may lie in archives inside the zip, an error that says so."""
    if not archives or error.code not in MAYBE_IN_ARCHIVES:
        return error
    told = f"{error.message} Not opened are the archives in it, {listed(archives)}."
    return UserError("zip_in_zip", told, file=archives[0][:SHOWN_LENGTH])


def _check_classes(survey: Survey, limits: Limits) -> None:
    most = limits.classes_max
    if len(survey.strata) > most:
        raise UserError("too_many_classes", f"There are {len(survey.strata)} class folders; {most} are allowed.")
    if len(survey.strata) < limits.classes_min:
        raise UserError("one_class", f"The only class folder is {shown(survey.strata[0])}.")
    counts = Counter(dict.fromkeys(survey.strata, 0))
    counts.update(photo.stratum for photo in survey.photos)
    check_class_sizes(counts, limits)
    learnt = {photo.stratum for photo in survey.photos if photo.part in (Part.TRAIN, None)}
    unlearnt = [name for name in survey.strata if name not in learnt]
    if unlearnt:
        raise UserError("class_too_small", f"No photos to learn from show {listed(unlearnt)}, only some to test by.")


def _check_copied(pictures: Iterable[Sequence[Photo]]) -> None:
    """Check that no class lies in another one as a whole. `pictures` are groups of photos with equal pixels."""
    around: dict[str, set[str]] = {}  # class -> the classes that have all of its pictures
    for photos in pictures:
        classes = {photo.stratum for photo in photos}
        for name in classes:
            around[name] = around.get(name, classes) & classes
    inside = Counter(other for name, classes in around.items() for other in classes - {name})
    if inside:
        (copy, _), *_ = inside.most_common(1)
        copied = sorted(name for name, classes in around.items() if copy in classes - {name})
        raise UserError("copied_class", f"All photos of {listed(copied)} are in {shown(copy)}, too.")


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
