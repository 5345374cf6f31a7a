"""Train, validation and test: stratified, groups kept whole, the same on every machine.

The order in which groups are dealt out comes from hashes of (class, content) and the seed, never from names,
zip order or a library's random numbers.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.errors import UserError
from jobs.limits import Limits
from vm_worker.intake.dataset import Part
from vm_worker.intake.groups import DISTINCT_LEAST, Seen
from vm_worker.intake.names import counted, listed, shown

SHARE = 0.2  # of a class, for validation and for test each
LEAST = {Part.TEST: 2, Part.VALIDATION: 1}  # photos a class


@dataclass(frozen=True)
class SplitRows:
    """The usable photos as columns."""

    strata: tuple[str, ...]  # their names
    photos: Sequence[Seen]
    groups: NDArray[np.int64]  # (n,)
    given: Sequence[Part | None]  # what a ready-made split says


@dataclass(frozen=True)
class Split:
    """Each row's part, and what the report must say about it."""

    parts: NDArray[np.uint8]  # (n,) values of Part
    warnings: tuple[str, ...]


def divide(rows: SplitRows, seed: int, limits: Limits) -> Split:
    """Deal the rows out. Raises UserError `class_too_small` where a class has too few different photos."""
    labels_of: dict[int, set[int]] = defaultdict(set)
    for photo, number in zip(rows.photos, rows.groups.tolist(), strict=True):
        labels_of[number].add(photo.stratum)
    dealer = _Dealer(rows, _order(rows, seed), {number for number, labels in labels_of.items() if len(labels) > 1})
    return dealer.ready_made(limits) if any(part is not None for part in rows.given) else dealer.fresh()


def _order(rows: SplitRows, seed: int) -> dict[int, str]:
    """Each group's place in the deal: a hash of its content, salted by the whole set and the seed."""
    pairs = sorted((rows.strata[photo.stratum], photo.content) for photo in rows.photos)
    salt = hashlib.sha256(repr((seed, pairs)).encode()).hexdigest()
    content: dict[int, str] = {}
    for photo, number in zip(rows.photos, rows.groups.tolist(), strict=True):
        content[number] = min(photo.content, content.get(number, photo.content))
    return {number: hashlib.sha256((salt + least).encode()).hexdigest() for number, least in content.items()}


class _Dealer:
    """Deals one class after the other."""

    def __init__(self, rows: SplitRows, order: Mapping[int, str], mixed: set[int]) -> None:
        self._rows = rows
        self._order = order
        self._mixed = mixed  # groups in more than one class: to learn from only, their label is in doubt
        self._labels = np.array([photo.stratum for photo in rows.photos], dtype=np.int64)
        self._parts = np.full(len(rows.photos), Part.TRAIN, dtype=np.uint8)
        self._members: dict[int, list[int]] = defaultdict(list)  # group -> rows
        for row, number in enumerate(rows.groups.tolist()):
            self._members[number].append(row)

    def fresh(self) -> Split:
        """60/20/20 of every class."""
        hands_of = self._hands()
        for label, name in enumerate(self._rows.strata):
            hands = hands_of[label]
            if len(hands) < DISTINCT_LEAST:
                raise _too_alike(name, len(hands))
            count = int(np.sum(self._labels == label))
            needs = {part: max(least, round(SHARE * count)) for part, least in LEAST.items()}
            self._deal(hands, needs, dict(LEAST))
        return Split(self._parts, ())

    def ready_made(self, limits: Limits) -> Split:
        """The parts as given; what a class lacks is cut from its train."""
        self._parts[:] = [part or Part.TRAIN for part in self._rows.given]
        warnings = self._reunite()
        cut: dict[Part, list[str]] = defaultdict(list)
        hands_of = self._hands()
        for label, name in enumerate(self._rows.strata):
            for part in self._fill(label, hands_of[label]):
                cut[part].append(name)
            self._check(label, name, limits)
        for part, names in sorted(cut.items()):
            every = len(names) == len(self._rows.strata)
            told = "all classes" if every else listed(names)
            warnings.append(f"Photos for {part.name.lower()} were cut from train, as too few were given for {told}.")
        return Split(self._parts, tuple(warnings))

    def _hands(self) -> dict[int, list[list[int]]]:
        """For each class the rows of each group that lies in it alone, in the order of the deal."""
        hands: dict[int, list[list[int]]] = defaultdict(list)
        for number in sorted(self._members, key=lambda number: self._order[number]):
            if number not in self._mixed:
                rows = self._members[number]
                hands[int(self._labels[rows[0]])].append(rows)
        return hands

    def _reunite(self) -> list[str]:
        """Put copies and near copies that were given to several parts into train: no test photo must be learnt from."""
        moved = 0
        for rows in self._members.values():
            if len(set(self._parts[rows].tolist())) > 1:
                moved += int(np.sum(self._parts[rows] != Part.TRAIN))
                self._parts[rows] = Part.TRAIN
        if not moved:
            return []
        copies = counted(moved, "photo")
        return [
            f"In validation or test, {copies} had a copy, or nearly one, in another part; these were put into train."
        ]

    def _fill(self, label: int, hands: list[list[int]]) -> list[Part]:
        """Cut what one class lacks from its train; returns the parts that were cut."""
        mine = self._labels == label
        have = {part: int(np.sum(mine & (self._parts == part))) for part in Part}
        needs = {
            part: max(least, round(SHARE * have[Part.TRAIN])) if have[part] == 0 else least - have[part]
            for part, least in LEAST.items()
            if have[part] < least
        }
        train = [rows for rows in hands if self._parts[rows[0]] == Part.TRAIN]
        self._deal(train, needs, {part: LEAST[part] - have[part] for part in needs})
        return sorted(needs)

    def _check(self, label: int, name: str, limits: Limits) -> None:
        have = np.bincount(self._parts[self._labels == label], minlength=len(Part))
        least = round((1 - 2 * SHARE) * limits.class_images_min)
        if have[Part.TRAIN] < least or any(have[part] < count for part, count in LEAST.items()):
            raise UserError(
                "class_too_small",
                f"{shown(name)} keeps {counted(have[Part.TRAIN], 'photo')} to learn from, {have[Part.VALIDATION]} for "
                f"validation and {have[Part.TEST]} for test; at least {least}, {LEAST[Part.VALIDATION]} and "
                f"{LEAST[Part.TEST]} are needed.",
            )

    def _deal(self, hands: list[list[int]], needs: dict[Part, int], least: dict[Part, int]) -> None:
        """Give groups to the part with the largest share of its need left, as long as they fit."""
        left = dict(needs)
        train = []
        for rows in hands:
            fitting = [part for part in needs if len(rows) <= left[part]]
            if not fitting:
                train.append(rows)
                continue
            part = max(fitting, key=lambda part: (left[part] / needs[part], part))
            left[part] -= len(rows)
            self._parts[rows] = part
        train.sort(key=len, reverse=True)  # stable: equal sizes stay in the order of the deal
        for part, count in needs.items():
            # Groups larger than any need leave a part short: the smallest go there all the same.
            while count - left[part] < least[part] and len(train) > 1:
                rows = train.pop()
                left[part] -= len(rows)
                self._parts[rows] = part


def _too_alike(name: str, count: int) -> UserError:
    return UserError(
        "class_too_small",
        f"Without copies, and without what is in other classes too, {shown(name)} has {counted(count, 'photo')}; "
        f"at least {DISTINCT_LEAST} are needed.",
    )
