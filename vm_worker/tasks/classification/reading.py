"""Decide which folders of an upload are its classes, which are parts of a ready-made split, and which are neither.

No reading is chosen in silence where two make sense: both are shown, and the option `classes` says which one is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from jobs.errors import UserError
from vm_worker.intake.dataset import Part
from vm_worker.intake.names import clean, collision_key, counted, listed, shown
from vm_worker.tasks.classification.layout import (
    ClassFolder,
    Layout,
    check_names,
    inside,
    names,
    of_parts,
    of_tops,
    without,
)
from vm_worker.tasks.classification.part_names import Role, part_name, says_nothing
from vm_worker.tasks.classification.set_aside import (
    PARTS,
    are_kinds,
    are_parts,
    is_set_aside,
    is_unlabelled,
    left_out,
    may_be_unlabelled,
    role,
    without_labels,
)
from vm_worker.tasks.classification.tree import Folder, merged, unwrapped

CLASSES_SHOWN = 3  # classes of each reading in a refusal
Tops = Sequence[Folder]


def read(root: Folder, level: str = "") -> Layout:
    """Find the classes. `level` is "inner" or "outer" where the user says which folders name them, else empty.

    Raises UserError: no_class_folders, ambiguous_folders, class_name_collision.
    """
    tops = unwrapped(root).tops()
    if not tops:
        raise UserError("no_class_folders", "All photos lie side by side, in no folder of a class.")
    if level == "outer":
        return _parts_in_classes(tops) or of_tops(tops)
    if level == "inner":
        return _inner(tops)
    found = (rule(tops) for rule in (_wrapped, _split, _beside_parts, _parts_in_classes))
    return next((layout for layout in found if layout), None) or _by_tops(tops)


def _inner(tops: Tops) -> Layout:
    """Take the folders in the top folders as classes, as the user says."""
    nested = [top for top in tops if not top.is_flat]
    if not nested:
        raise UserError("no_class_folders", f"There are no folders in {listed(names(tops))}, so none can be a class.")
    aside = left_out(top for top in tops if top.is_flat)
    if any(role(top) == Role.TRAIN for top in nested):
        parts = without(nested, without_labels([top for top in nested if role(top)]))
        aside += left_out(without(nested, parts))
        return of_parts([(top, PARTS[role(top) or Role.TRAIN]) for top in parts]).warned(*aside)
    inner = unwrapped(merged([unwrapped(top) for top in nested])).tops()
    together = f"The photos of {listed(names(nested))} were put together."
    return (_split(inner) or _parts_in_classes(inner) or of_tops(inner)).warned(together, *aside)


def _wrapped(tops: Tops) -> Layout | None:
    """Open the only folder that holds folders, where all others are unlabelled, or where it holds a ready-made split.

    Such are `data/{cats,dogs}` beside `test`, and `data/{train,test}/{cats,dogs}` beside `samples`.
    """
    nested = [top for top in tops if not top.is_flat]
    if len(nested) != 1 or len(tops) == 1:
        return None
    (top,) = nested
    named = part_name(top.name) is not None
    others = [other for other in tops if other.is_flat]
    if (named or not top.photos) and all(is_unlabelled(other, tops, corroborated=named) for other in others):
        return read(replace(top, photos=())).warned(*left_out(others))
    inner = unwrapped(top).tops()
    split = _split(inner) or _parts_in_classes(inner)
    return split.warned(*left_out(others)) if split else None


def _split(tops: Tops) -> Layout | None:
    """Read the parts of a ready-made split, two or more of which hold folders of the same names."""
    parted = [top for top in tops if not top.is_flat and role(top)]
    counts = Counter(key for top in parted for key in inside(top))
    known = {key for key, count in counts.items() if count > 1}
    others = without(tops, parted)
    if len(parted) < 2 or not are_parts(parted) or (not known and (others or len(set(map(role, parted))) < 2)):
        return None
    for other in others:
        if known & set(inside(other)):
            raise _ambiguous(tops, f"The folder {shown(other.name)} holds classes, but is not named like a part.")
    labelled = without(parted, without_labels(parted))
    rest = without(tops, labelled)
    return of_parts([(top, PARTS[role(top) or Role.TRAIN]) for top in labelled]).warned(*left_out(rest))


def _beside_parts(tops: Tops) -> Layout | None:
    """Read classes to learn from that lie beside a part with the same ones: `cats`, `dogs`, `test/{cats,dogs}`."""
    aside = [top for top in tops if (not top.is_flat and is_set_aside(top)) or is_unlabelled(top, tops, True)]
    classes = without(tops, aside)
    keys = {collision_key(top.name) for top in classes}
    labelled = [top for top in aside if role(top) in PARTS and set(inside(top)) & keys]
    if not labelled or any(role(top) == Role.TRAIN or set(inside(top)) & keys for top in classes):
        return None
    train = Folder("", (), {top.name: top for top in classes})
    layout = of_parts([(train, Part.TRAIN), *((top, PARTS[role(top) or Role.TEST]) for top in labelled)])
    learnt = f"The photos outside of {listed(names(labelled))} are those to learn from."
    return layout.warned(learnt, *left_out(without(aside, labelled)))


def _parts_in_classes(tops: Tops) -> Layout | None:
    """Read classes each of which holds the parts of a split: `cats/{train,test}`, `dogs/{train,test}`."""
    aside = [top for top in tops if is_unlabelled(top, tops)]
    classes = without(tops, aside)
    parts = [part for top in classes for part in top.tops()]
    if not all(role(part) and len(unwrapped(part).folders) < 2 for part in parts):
        return None
    if len(set(map(role, parts))) < 2 or any(is_set_aside(top) for top in classes):
        return None
    check_names(top.name for top in classes)
    rows = [ClassFolder(clean(top.name), Folder(top.name, top.photos, {})) for top in classes if top.photos]
    rows += [
        ClassFolder(clean(top.name), part, PARTS[use])
        for top in classes
        for part in top.tops()
        if (use := role(part)) in PARTS
    ]
    layout = Layout(tuple(rows)).warned(*left_out([*aside, *(part for part in parts if role(part) not in PARTS)]))
    return layout if layout.ready_made_split else layout.undivided()


def _by_tops(tops: Tops) -> Layout:
    """Take the top folders as classes, but for parts without labels. Raises UserError where that may be wrong."""
    _check_shared(tops)
    _check_beside(tops)
    kinds = are_kinds(tops)
    if all(map(role, tops)) and not kinds:
        these = "folder" if len(tops) == 1 else "folders"
        raise UserError(
            "no_class_folders",
            f"The photos lie in the {these} {listed(names(tops))}, named like parts of a split, and in no folders of "
            "classes. If these are the classes, say classes=outer.",
        )
    aside = [top for top in tops if is_unlabelled(top, tops) or (not top.is_flat and is_set_aside(top))]
    classes = without(tops, aside)
    doubtful = [] if kinds else [top for top in classes if may_be_unlabelled(top)]
    if doubtful or (aside and len(classes) < 2):
        one = (doubtful or aside)[0]
        raise _ambiguous(tops, f"The folder {shown(one.name)} may be a class, or photos that are set aside.", aside)
    likely = [] if kinds else [top for top in classes if role(top)]
    named = [f"The folder {shown(top.name)} was taken as a class, not as a part of a split." for top in likely]
    return of_tops(classes).warned(*left_out(aside), *named, *_deep(classes))


def _deep(classes: Tops) -> list[str]:
    """Return a sentence about folders in classes that may be classes themselves."""
    told = []
    nested = [top for top in classes if len(inside(top)) > 1]
    shared = {key for key, count in Counter(key for top in nested for key in inside(top)).items() if count > 1}
    if shared or not all(top.photos for top in nested):
        what = f"The classes are the outer folders, such as {shown(nested[0].name)}"
        told.append(f"{what}; the folders in them are not told apart. To tell these apart, say classes=inner.")
    return told


def _check_shared(tops: Tops) -> None:
    """Check that the top folders do not hold folders of the same names. Raises UserError `ambiguous_folders`."""
    nested = [top for top in tops if not top.is_flat and not top.photos]
    counts = Counter(key for top in nested for key in inside(top))
    shared = [top for top in nested if any(counts[key] > 1 for key in inside(top))]
    if shared and len(counts) > 1:
        same = {key: folder.name for top in shared for key, folder in inside(top).items() if counts[key] > 1}
        these = f"The folders {listed(names(shared))} hold folders of the same names, {listed(sorted(same.values()))}."
        raise _ambiguous(tops, these)


def _check_beside(tops: Tops) -> None:
    """Check that no folder holds copies of those beside it, and no part holds classes beside other folders.

    Raises UserError `ambiguous_folders`.
    """
    keys = {collision_key(top.name): top for top in tops}
    for top in tops:
        beside = [key for key in inside(top) if keys.get(key, top) is not top]
        if len(beside) > 1 or len(beside) == len(inside(top)) > 0:
            same = listed(sorted(keys[key].name for key in beside))
            raise _ambiguous(tops, f"The folder {shown(top.name)} holds folders named like those beside it, {same}.")
    nested = [top for top in tops if not top.is_flat]
    if len(nested) == 1 and len(tops) > 1 and len(inside(nested[0])) > 1:
        (top,) = nested
        name = part_name(top.name)
        if (name and name.whole and name.role == Role.TRAIN) or (says_nothing(top.name) and not top.photos):
            raise _ambiguous(tops, f"The folder {shown(top.name)} may be a class, or hold the classes.")


def _ambiguous(tops: Tops, why: str, aside: Tops = ()) -> UserError:
    """Return the error for folders that can be read in two ways. It shows both."""
    outer = f"With classes=outer the classes are {_shown(of_tops(tops))}"
    if aside:
        rest = without(tops, aside)
        return UserError("ambiguous_folders", f"{why} {outer}. Without it there would only be {_shown(of_tops(rest))}.")
    try:
        inner = f"with classes=inner they are {_shown(_inner(tops))}"
    except UserError:
        inner = "without that folder they would be the others"
    return UserError("ambiguous_folders", f"{why} {outer}; {inner}.")


def _shown(layout: Layout) -> str:
    """Return the first classes of a layout with their numbers of photos."""
    counts = sorted(layout.counts().items())
    text = ", ".join(f"{shown(name)} ({counted(count, 'photo')})" for name, count in counts[:CLASSES_SHOWN])
    return text if len(counts) <= CLASSES_SHOWN else f"{text} and {len(counts) - CLASSES_SHOWN} more"
