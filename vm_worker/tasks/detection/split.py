"""Divide labelled photos into parts: photographs are kept whole, and each part gets its share of every number of boxes.

The result depends on the photos' contents and the seed alone.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.dataset import Part
from vm_worker.intake.names import counted, listed
from vm_worker.intake.split import Split
from vm_worker.tasks.detection.photographs import photographs

SHARE = 0.2  # of the photos, for validation and for test each
LEAST_SHARE = 0.08  # of the photos; where photographs are too large for such parts, their pictures are divided
LEAST = 2  # photos of a part


@dataclass(frozen=True)
class Divided:
    """The photos to divide, one a row."""

    names: Sequence[str]  # paths in the upload
    contents: Sequence[str]  # digests of the files
    groups: Sequence[int]  # equal for copies and near copies of one picture
    boxes: Sequence[int]  # number of boxes
    given: Sequence[Part | None]  # by a ready-made split


def divide(rows: Divided, seed: int) -> Split:
    """Assign a part to each photo."""
    keys = photographs(rows.names)
    whole = _joined(rows.groups, keys)
    if len({part for part in rows.given if part is not None}) > 1:
        return _ready_made(rows, keys, whole, seed)
    every = list(range(len(rows.names)))
    shares = {Part.TEST: SHARE, Part.VALIDATION: SHARE}
    parts, warnings = _cut(_Cut(rows, whole, seed), every, shares)
    return Split(parts, (*_told(keys, not warnings), *warnings))


def _ready_made(rows: Divided, keys: Sequence[str], whole: Sequence[int], seed: int) -> Split:
    """Keep the given parts; cut those anew that are missing, or too small to choose or to judge by."""
    parts = np.array([part or Part.TRAIN for part in rows.given], np.uint8)
    warnings = [*_reunited(rows, parts), *_leaks(keys, parts)]
    shares: dict[Part, float] = {}
    for part in (Part.TEST, Part.VALIDATION):
        found = np.flatnonzero(parts == part)
        sources = {keys[row] for row in found.tolist()}
        if len(found) < LEAST:
            shares[part] = SHARE
            warnings.append(f"The {part.name.lower()} part was cut from the training photos, as none was given.")
        elif part is Part.VALIDATION and len(sources) == 1:
            shares[part] = SHARE
            parts[found] = Part.TRAIN
            warnings.append(
                f"The validation part shows a single photograph, {listed(sorted(sources))}: too little to choose by. "
                "It was joined to the training photos, and validation was cut from these anew, by photographs."
            )
    if shares:
        train = np.flatnonzero(parts == Part.TRAIN).tolist()
        anew, more = _cut(_Cut(rows, whole, seed), train, shares)
        parts[train] = anew[train]
        warnings += more
    return Split(parts, tuple(warnings))


def _reunited(rows: Divided, parts: NDArray[np.uint8]) -> list[str]:
    """Put copies that were given to several parts into training; return a sentence about them."""
    moved = 0
    for members in _members(rows.groups).values():
        if len({int(parts[row]) for row in members}) > 1:
            moved += int(np.sum(parts[members] != Part.TRAIN))
            parts[members] = Part.TRAIN
    if not moved:
        return []
    return [f"In validation or test, {counted(moved, 'photo')} had a copy in another part; these were put into train."]


def _leaks(keys: Sequence[str], parts: NDArray[np.uint8]) -> list[str]:
    learnt = {keys[row] for row in np.flatnonzero(parts == Part.TRAIN).tolist()}
    tested = {keys[row] for row in np.flatnonzero(parts == Part.TEST).tolist()}
    both = sorted(learnt & tested)
    if not both:
        return []
    return [
        f"By their names, {counted(len(both), 'photograph')} have pictures in train and in test, such as "
        f"{listed(both, 2)}: the figures are better than on photographs that are new."
    ]


def _told(keys: Sequence[str], kept: bool) -> list[str]:
    """Return a sentence about pictures that were kept together."""
    pictures = len(keys) - sum(1 for members in _members(keys).values() if len(members) == 1)
    if not kept or not pictures:
        return []
    number = sum(1 for members in _members(keys).values() if len(members) > 1)
    return [
        f"By their names, {counted(pictures, 'picture')} are parts of {counted(number, 'photograph')}; "
        "each photograph was kept in one part."
    ]


@dataclass(frozen=True)
class _Cut:
    rows: Divided
    whole: Sequence[int]  # photographs, joined with copies
    seed: int

    def rank(self, row: int) -> str:
        """Return a number for each photo that looks random."""
        return hashlib.sha256(f"{self.seed} {self.rows.contents[row]}".encode()).hexdigest()


def _cut(cut: _Cut, some: Sequence[int], shares: Mapping[Part, float]) -> tuple[NDArray[np.uint8], list[str]]:
    """Cut parts from some photos; the rest is for training. Return the part of every photo, and what is to be told."""
    groups = list(_members(cut.whole, some).values())
    parts = _dealt(cut, groups, some, shares)
    least = max(LEAST, LEAST_SHARE * len(some))
    if all(int(np.sum(parts[list(some)] == part)) >= least for part in shares) and len(groups) > 2:
        return parts, []
    copies = list(_members(cut.rows.groups, some).values())
    told = "Too few photographs to keep each in one part: pictures of one are in several, which flatters the figures."
    return _dealt(cut, copies, some, shares), [told] if len(copies) > len(groups) else []


def _dealt(
    cut: _Cut, groups: Sequence[Sequence[int]], some: Sequence[int], shares: Mapping[Part, float]
) -> NDArray[np.uint8]:
    """Deal groups out, large ones first and those with as many boxes in turn, to the part that lacks most."""
    parts = np.full(len(cut.rows.names), Part.TRAIN, np.uint8)
    wanted = {Part.TRAIN: 1 - sum(shares.values()), **shares}
    left = {part: share * len(some) for part, share in wanted.items()}
    boxes = {part: share * max(1, sum(cut.rows.boxes[row] for row in some)) for part, share in wanted.items()}
    size = {part: (left[part], boxes[part]) for part in wanted}

    def weight(group: Sequence[int]) -> tuple[int, int, str]:
        return (-len(group), -sum(cut.rows.boxes[row] for row in group), min(map(cut.rank, group)))

    for group in sorted(groups, key=weight):
        part = max(wanted, key=lambda one: (round(left[one] / size[one][0], 6), boxes[one] / size[one][1], -one))
        parts[list(group)] = part
        left[part] -= len(group)
        boxes[part] -= sum(cut.rows.boxes[row] for row in group)
    return parts


def _members(keys: Sequence[int] | Sequence[str], some: Iterable[int] | None = None) -> dict[int | str, list[int]]:
    members: dict[int | str, list[int]] = defaultdict(list)
    for row in range(len(keys)) if some is None else some:
        members[keys[row]].append(row)
    return members


def _joined(groups: Sequence[int], keys: Sequence[str]) -> list[int]:
    """Join groups of copies and photographs: the number of each photo's group."""
    leaders = list(range(len(keys)))
    for members in (*_members(groups).values(), *_members(keys).values()):
        for row in members[1:]:
            leaders[_leader(leaders, row)] = _leader(leaders, members[0])
    return [_leader(leaders, row) for row in range(len(keys))]


def _leader(leaders: list[int], row: int) -> int:
    while leaders[row] != row:
        leaders[row] = leaders[leaders[row]]
        row = leaders[row]
    return row
