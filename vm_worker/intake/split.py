"""Split the photos into train, validation and test: stratified, groups kept whole, the same on every machine.

The order in which groups are assigned comes from hashes of (class, content) and the seed, never from names, the order
in the zip or a library's random numbers.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.arrays import Flags, Rows
from vm_worker.intake.dataset import Part
from vm_worker.intake.earlier.use import Use, fixed, sides_of_groups, suffices
from vm_worker.intake.groups import DISTINCT_LEAST, GROUPS_LEAST, PhotoDigests
from vm_worker.intake.names import counted, listed, shown

SHARE = 0.2  # of the photos of a class, for validation and for test each
LEAST = {Part.TEST: 2, Part.VALIDATION: 1}  # photos of each class, at least


@dataclass(frozen=True)
class SplitRows:
    """The usable photos, with all that the split depends on."""

    strata: tuple[str, ...]  # names
    photos: Sequence[PhotoDigests]  # (n)
    groups: Rows  # (n,) equal for copies and near copies of one picture, and for photos of one recording
    exact: Rows  # (n,) equal for exact copies of one picture
    given: Sequence[Part | None]  # (n) the part by a ready-made split; None: none is given
    seen: NDArray[np.uint8] | None = (
        None  # (n,) values of Side: what an earlier model did with them; None: there is none
    )


@dataclass(frozen=True)
class Split:
    """The part of each photo, and sentences for the report."""

    parts: NDArray[np.uint8]  # (n,) values of Part
    warnings: tuple[str, ...]
    use: Use = Use.NOTHING  # of an earlier model


def divide(rows: SplitRows, seed: int, limits: Limits) -> Split:
    """Assign a part to each photo. Raises UserError `class_too_small` where a class has too few different photos."""
    labels_of: dict[int, set[int]] = defaultdict(set)
    for photo, number in zip(rows.photos, rows.groups.tolist(), strict=True):
        labels_of[number].add(photo.stratum)
    mixed = {number for number, labels in labels_of.items() if len(labels) > 1}
    order = _order(rows, seed)
    ready_made = any(part is not None for part in rows.given)

    def parted(fixed: Mapping[int, Part]) -> Split:
        splitter = _Splitter(rows, order, mixed, fixed)
        return splitter.ready_made(limits) if ready_made else splitter.fresh()

    return parted({}) if rows.seen is None else _divided_again(rows, rows.seen, parted)


def _divided_again(rows: SplitRows, seen: NDArray[np.uint8], parted: Callable[[Mapping[int, Part]], Split]) -> Split:
    """Keep what an earlier model learnt from and was tested on in its parts; else its test photos; else nothing."""
    labels, sides = _labels(rows), sides_of_groups(rows.groups, seen)
    for use in (Use.CONTINUES, Use.SAME_TEST):
        with suppress(UserError):  # too few are left for a part
            split = parted(fixed(rows.groups, sides, use))
            if suffices(split.parts, sides, labels, use):
                return replace(split, use=use)
    return parted({})


def _labels(rows: SplitRows) -> Rows:
    return np.array([photo.stratum for photo in rows.photos], dtype=np.int64)


def _order(rows: SplitRows, seed: int) -> dict[int, str]:
    """Return a sort key for each group: a hash of its content, salted by the whole set and the seed."""
    pairs = sorted((rows.strata[photo.stratum], photo.content) for photo in rows.photos)
    salt = hashlib.sha256(repr((seed, pairs)).encode()).hexdigest()
    content: dict[int, str] = {}
    for photo, number in zip(rows.photos, rows.groups.tolist(), strict=True):
        content[number] = min(photo.content, content.get(number, photo.content))
    return {number: hashlib.sha256((salt + least).encode()).hexdigest() for number, least in content.items()}


class _Splitter:
    """The split in progress, made one class after the other."""

    def __init__(self, rows: SplitRows, order: Mapping[int, str], mixed: set[int], fixed: Mapping[int, Part]) -> None:
        """`fixed` are the parts of groups that an earlier model knows; a mixed one stays out of the test part."""
        self._rows = rows
        self._order = order
        self._mixed = mixed  # groups in more than one class: their label is in doubt, so they stay in train
        self._fixed = {number: part for number, part in fixed.items() if part == Part.TRAIN or number not in mixed}
        self._labels = _labels(rows)
        self._parts = np.full(len(rows.photos), Part.TRAIN, dtype=np.uint8)
        self._members: dict[int, list[int]] = defaultdict(list)  # group -> rows
        for row, number in enumerate(rows.groups.tolist()):
            self._members[number].append(row)

    def fresh(self) -> Split:
        """Split every class by 60/20/20."""
        groups_of = self._groups_by_label()
        for label, name in enumerate(self._rows.strata):
            groups = groups_of[label]
            pictures = len({int(self._rows.exact[row]) for rows in groups for row in rows})
            if pictures < DISTINCT_LEAST:
                raise _too_alike(name, pictures)
            free = self._placed(groups)
            if len(free) == GROUPS_LEAST == len(groups):
                self._assign_three(groups)
                continue
            have = np.bincount(self._parts[self._labels == label], minlength=len(Part))
            count = int(have.sum())
            needs = {part: max(least, round(SHARE * count)) - int(have[part]) for part, least in LEAST.items()}
            least = {part: LEAST[part] - int(have[part]) for part in LEAST}
            self._assign(free, needs, least)
        return Split(self._parts, ())

    def _placed(self, groups: list[list[int]]) -> list[list[int]]:
        """Put the fixed ones of these groups into their parts; return the others."""
        free = []
        for rows in groups:
            part = self._fixed.get(int(self._rows.groups[rows[0]]))
            if part is None:
                free.append(rows)
            else:
                self._parts[rows] = part
        return free

    def ready_made(self, limits: Limits) -> Split:
        """Take the given parts; where a class lacks one, cut it from the class's training photos.

        Near copies do not lie on both sides, but where too few photos of a class would be left for that.
        """
        self._parts[:] = [part or Part.TRAIN for part in self._rows.given]
        for number, part in self._fixed.items():
            self._parts[self._members[number]] = part
        moved = self._reunite(self._members.values())
        cut: dict[Part, list[str]] = defaultdict(list)
        apart, groups_of = list[str](), self._groups_by_label()
        for label, name in enumerate(self._rows.strata):
            filled = self._fill(label, groups_of[label])
            if self._is_short(label, limits):
                filled = self._fill(label, self._as_given(groups_of[label], moved))
                apart.append(name)
            for part in filled:
                cut[part].append(name)
            self._check(label, name, limits)
        warnings = _told(int(moved.sum()), apart)
        for part, names in sorted(cut.items()):
            every = len(names) == len(self._rows.strata)
            classes = "all classes" if every else listed(names)
            warnings.append(f"Photos for {part.name.lower()} were cut from train, as too few were given for {classes}.")
        return Split(self._parts, tuple(warnings))

    def _groups_by_label(self) -> dict[int, list[list[int]]]:
        """Return, for each class, the rows of each group that lies in it alone, in the order of assignment."""
        groups: dict[int, list[list[int]]] = defaultdict(list)
        for number in sorted(self._members, key=lambda number: self._order[number]):
            if number not in self._mixed:
                rows = self._members[number]
                groups[int(self._labels[rows[0]])].append(rows)
        return groups

    def _reunite(self, groups: Iterable[list[int]]) -> Flags:
        """Put groups that were given to several parts into train, so that no test photo is learnt.

        Return (n,) whether a photo was moved.
        """
        moved = np.zeros(len(self._parts), bool)
        for rows in groups:
            if len(set(self._parts[rows].tolist())) > 1:
                moved[rows] = self._parts[rows] != Part.TRAIN
                self._parts[rows] = Part.TRAIN
        return moved

    def _as_given(self, groups: list[list[int]], moved: Flags) -> list[list[int]]:
        """Put the photos of one class where they were given, and join exact copies alone; return these groups.

        A class that can be split photo by photo must not be refused because of its near copies. `moved` (n,) changes.
        """
        exact: dict[int, list[int]] = defaultdict(list)
        free = (rows for rows in groups if int(self._rows.groups[rows[0]]) not in self._fixed)
        for row in sorted((row for rows in free for row in rows), key=lambda row: self._rows.photos[row].content):
            self._parts[row], moved[row] = self._rows.given[row] or Part.TRAIN, False
            exact[int(self._rows.exact[row])].append(row)
        moved |= self._reunite(exact.values())
        return list(exact.values())

    def _assign_three(self, groups: list[list[int]]) -> None:
        """Put the smallest of three groups into validation, the next into test, the largest into train."""
        parts = (Part.VALIDATION, Part.TEST, Part.TRAIN)
        for part, rows in zip(parts, sorted(groups, key=len), strict=True):  # stable: equal ones stay in their order
            self._parts[rows] = part

    def _fill(self, label: int, groups: list[list[int]]) -> list[Part]:
        """Cut the parts that one class lacks from its training photos; return these parts."""
        mine = self._labels == label
        have = {part: int(np.sum(mine & (self._parts == part))) for part in Part}
        needs = {
            part: max(least, round(SHARE * have[Part.TRAIN])) if have[part] == 0 else least - have[part]
            for part, least in LEAST.items()
            if have[part] < least
        }
        free = (rows for rows in groups if int(self._rows.groups[rows[0]]) not in self._fixed)
        train = [rows for rows in free if self._parts[rows[0]] == Part.TRAIN]
        self._assign(train, needs, {part: LEAST[part] - have[part] for part in needs})
        return sorted(needs)

    def _have(self, label: int) -> Rows:
        """Return how many photos of a class each part has."""
        return np.bincount(self._parts[self._labels == label], minlength=len(Part))

    def _is_short(self, label: int, limits: Limits) -> bool:
        have = self._have(label)
        return bool(have[Part.TRAIN] < _to_learn(limits) or any(have[part] < least for part, least in LEAST.items()))

    def _check(self, label: int, name: str, limits: Limits) -> None:
        if self._is_short(label, limits):
            have, least = self._have(label), _to_learn(limits)
            raise UserError(
                "class_too_small",
                f"{shown(name)} keeps {counted(have[Part.TRAIN], 'photo')} to learn from, {have[Part.VALIDATION]} for "
                f"validation and {have[Part.TEST]} for test; at least {least}, {LEAST[Part.VALIDATION]} and "
                f"{LEAST[Part.TEST]} are needed.",
            )

    def _assign(self, groups: list[list[int]], needs: dict[Part, int], least: dict[Part, int]) -> None:
        """Assign each group to the part with the largest share of its need left, as long as it fits.

        `needs` are the photos wanted for each part, `least` those that each part must have. The rest stays in train.
        """
        left = dict(needs)
        train = []
        for rows in groups:
            fitting = [part for part in needs if len(rows) <= left[part]]
            if not fitting:
                train.append(rows)
                continue
            part = max(fitting, key=lambda part: (left[part] / needs[part], part))
            left[part] -= len(rows)
            self._parts[rows] = part
        train.sort(key=len, reverse=True)  # stable: groups of equal size stay in the order of assignment
        for part, count in needs.items():
            # Where every group is larger than the need left, a part stays short: it gets the smallest groups anyway.
            while count - left[part] < least[part] and len(train) > 1:
                rows = train.pop()
                left[part] -= len(rows)
                self._parts[rows] = part


def _to_learn(limits: Limits) -> int:
    """Return how many training photos a class needs."""
    return round((1 - 2 * SHARE) * limits.class_images_min)


def _told(moved: int, apart: Sequence[str]) -> list[str]:
    """Return sentences on near copies: how many were moved into train, and the classes in which they were not."""
    said = []
    if moved:
        copies = counted(moved, "photo")
        said.append(
            f"In validation or test, {copies} had a copy, or nearly one, in another part; these were put into train."
        )
    if apart:
        said.append(
            f"Of {listed(apart)}, photos to learn from have near copies in validation or test, as else too few would "
            "be left there: what is said of the model may be too good."
        )
    return said


def _too_alike(name: str, count: int) -> UserError:
    return UserError(
        "class_too_small",
        f"Without copies, and without what is in other classes too, {shown(name)} has {counted(count, 'photo')}; "
        f"at least {DISTINCT_LEAST} are needed.",
    )
