"""Group copies and near copies of a picture, and photos of one recording: they must not lie on both sides of a split.

Two photos whose small grey forms are alike are near copies. So are, before one plain background, photos of different
things: where more photos than copies are plausible for hang together, their details decide (recordings/scenes.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake import near_duplicates
from vm_worker.intake.arrays import Pixels, Rows
from vm_worker.intake.dataset import Duplicates
from vm_worker.intake.near_duplicates import SIDE
from vm_worker.intake.recordings import shots
from vm_worker.intake.recordings.scenes import Scenes
from vm_worker.intake.recordings.shots import Shot

DISTINCT_LEAST = 5  # pictures a class: at most two for test, one for validation, and the rest to learn from
GROUPS_LEAST = 3  # groups a class: one for test, one for validation, and the rest to learn from
NEAR_MOST = 10  # different pictures in a group of near copies, or
NEAR_MOST_SHARE = 0.05  # this share of the class, if that is more; larger ones need details that are alike
# Likeness of scenes, -1..1. Measured: tests/benchmarks/leaks.py
SAME = 0.75  # of photos of one scene, whatever their names
NEIGHBOURS = 0.45  # of photos with neighbouring numbers
SPOKEN = 0.35  # of photos with neighbouring numbers whose names speak of a recording, even where the class is alike
ABOVE = 0.3  # more than two photos of the class have that have nothing to do with each other
# Links between single pairs may chain up photos of different things that are drawn alike, such as digits. Measured by
# the same benchmark: a recording has 0.89 and more of the first, digits mostly less; 0.5 and more of the second, digits
# and other things at most 0.37.
CONSISTENT = 0.85  # share of the compared neighbours within a recording that are alike
DENSE = 0.45  # share of all pairs within a recording that are alike by NEIGHBOURS
RECORDING_LEAST = 5  # photos of a recording that is known by its pictures
COMPARED_MOST = 3000  # pictures of a class of which each is compared with each: some seconds


@dataclass(frozen=True)
class PhotoDigests:
    """The digests of a usable photo by which it is grouped and split."""

    stratum: int  # index into the names of the strata
    content: str  # SHA-256 of the file's bytes, hex
    pixels: str  # digest of the decoded picture, hex
    thumbnail: bytes = b""  # 32 x 32 grey; empty: only exact copies of it are found
    name: str = ""  # path in the upload
    taken: float | None = None  # seconds by the camera's clock; None: not known


@dataclass(frozen=True)
class Groups:
    """The groups of photos that are copies or near copies of one picture."""

    numbers: Rows  # (n,) the number of each photo's group, from 0 in the order of first members
    exact: Rows  # (n,) the number of each photo's group where only exact copies are grouped
    plain: Mapping[int, int]  # label -> photos of which so many look alike that they are in no large group
    undivided: Mapping[int, int]  # label -> photos of recordings that had to be divided: the class has too few

    def recordings(self) -> int:
        """Count the groups of more than NEAR_MOST pictures: each is of one recording."""
        pictures = np.unique(np.stack([self.numbers, self.exact]), axis=1)[0]
        return int(np.sum(np.bincount(pictures) > NEAR_MOST))

    def duplicates(self, classes: Sequence[str]) -> Duplicates:
        """Count the duplicates, for the report. `classes` are the names of the labels."""
        sizes = np.bincount(self.exact)
        pictures = np.unique(np.stack([self.numbers, self.exact]), axis=1)[0]  # the group of each picture
        return Duplicates(
            photos=len(self.numbers) - len(np.unique(self.numbers)),
            exact_groups=int(np.sum(sizes > 1)),
            near_groups=int(np.sum(np.bincount(pictures) > 1)),
            plain=tuple((classes[label], count) for label, count in sorted(self.plain.items())),
            undivided=tuple((classes[label], count) for label, count in sorted(self.undivided.items())),
        )


def group(photos: Sequence[PhotoDigests]) -> Groups:
    """Group exact copies in all classes, and near copies and recordings within each class."""
    exact = _numbered(len(photos), exact_pairs(photos))
    labels = np.array([photo.stratum for photo in photos], dtype=np.int64)
    mixed = _mixed(labels, exact)
    pairs: list[tuple[int, int]] = []
    plain: dict[int, int] = {}
    undivided: dict[int, int] = {}
    for label in np.unique(labels).tolist():
        rows = np.flatnonzero(labels == label)
        rows = rows[np.unique(exact[rows], return_index=True)[1]]  # one of each picture
        found = _grouped([photos[row] for row in rows.tolist()], mixed[rows])
        pairs += [(int(rows[leader]), int(row)) for leader, row in zip(found.leaders, rows, strict=True)]
        for counts, alone in ((plain, found.plain), (undivided, found.undivided)):
            if alone.any():
                counts[label] = int(np.sum((labels == label) & np.isin(exact, exact[rows[alone]])))
    return Groups(_numbered(len(photos), [*exact_pairs(photos), *pairs]), exact, plain, undivided)


def exact_pairs(photos: Sequence[PhotoDigests]) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows with the same bytes, or the same decoded pixels."""
    for digests in ([photo.content for photo in photos], [photo.pixels for photo in photos]):
        yield from _equal(digests)


@dataclass(frozen=True)
class _Grouped:
    """The groups of the different pictures of one class."""

    leaders: Rows  # (m,) the least row of each picture's group
    plain: NDArray[np.bool_]  # (m,) whether it is in no large group because so many look alike
    undivided: NDArray[np.bool_]  # (m,) whether it is of a recording that was undone, as its class had too few groups


def _grouped(photos: Sequence[PhotoDigests], mixed: NDArray[np.bool_]) -> _Grouped:
    """Group the pictures (m,) of a class; `mixed` (m,) tells which have an exact copy in another class."""
    alone = np.arange(len(photos), dtype=np.int64)
    near, scenes, doubtful = alone.copy(), alone.copy(), np.zeros(len(photos), bool)
    known = np.flatnonzero([len(photo.thumbnail) == SIDE * SIDE for photo in photos])
    if len(known):
        seen = [photos[row] for row in known.tolist()]
        grey = np.frombuffer(b"".join(photo.thumbnail for photo in seen), np.uint8).reshape(len(seen), SIDE, SIDE)
        near[known] = known[near_duplicates.communities(grey)]
        found = _scenes(seen, grey)
        scenes[known], doubtful[known] = known[_leaders(found.groups)], found.doubtful
    most, told = max(NEAR_MOST, int(NEAR_MOST_SHARE * len(photos))), [Shot(one.name, one.taken) for one in photos]
    large = _sizes(near) > most  # with a plain background, or of a recording
    sure = [*shots.at_once(told), *shots.named_recordings(told)]
    sure += enumerate(np.where(large, alone, near).tolist())
    # A few photos that look alike are no recording: one pair of some thousand does by chance.
    long = _sizes(_numbered(len(photos), [*sure, *enumerate(scenes.tolist())])) >= RECORDING_LEAST
    joined = _numbered(len(photos), [*sure, *enumerate(np.where(long, scenes, alone).tolist())])
    kept = _enough(joined, mixed)
    sizes = _sizes(joined)
    return _Grouped(_leaders(kept), (large | doubtful) & (sizes <= most), (kept != joined) & (sizes >= RECORDING_LEAST))


@dataclass(frozen=True)
class _Seen:
    """What the pictures of one class show."""

    groups: Rows  # (m,) numbers that are equal for photos of one scene
    doubtful: NDArray[np.bool_]  # (m,) whether it hangs together with photos that are too little alike for a scene


def _scenes(photos: Sequence[PhotoDigests], grey: Pixels) -> _Seen:
    """Find photos of one scene, by their pictures and by neighbouring names."""
    scenes, groups = Scenes(grey), np.arange(len(photos), dtype=np.int64)
    order = np.array(sorted(range(len(photos)), key=lambda row: photos[row].content), dtype=np.int64)
    usual = ABOVE + scenes.typical(order)
    found = list(shots.neighbours([Shot(photo.name) for photo in photos]))
    if found:
        one, other, spoken = (np.array(column) for column in zip(*found, strict=True))
        alike = scenes.likeness(one, other) >= np.where(spoken, SPOKEN, max(NEIGHBOURS, usual))
        groups = _consistent(len(photos), one, other, alike)
    if max(SAME, usual) <= 1 and len(photos) <= COMPARED_MOST:
        return _dense(scenes, order, groups, scenes.joined(groups, max(SAME, usual)))
    return _Seen(groups, np.zeros(len(photos), bool))


def _consistent(count: int, one: Rows, other: Rows, alike: NDArray[np.bool_]) -> Rows:
    """Group photos by pairs (p,) of neighbours that are alike, where nearly all neighbours of a group are."""
    groups = _numbered(count, zip(one[alike].tolist(), other[alike].tolist(), strict=True))
    inside = groups[one] == groups[other]
    pairs, links = (np.bincount(groups[one[which]], minlength=count) for which in (inside, inside & alike))
    kept = alike & inside & (links >= CONSISTENT * pairs)[groups[one]]
    return _numbered(count, zip(one[kept].tolist(), other[kept].tolist(), strict=True))


def _dense(scenes: Scenes, order: Rows, before: Rows, joined: Rows) -> _Seen:
    """Take the groups `joined`, but `before` for photos of groups in which too few pairs are alike.

    Those may be things of one kind, or frames of a recording in which the camera has moved far: nothing measured tells
    these apart, so the report says it.
    """
    groups, doubtful = joined.copy(), np.zeros(len(joined), bool)
    for number in np.unique(joined[joined != before]).tolist():
        rows = order[joined[order] == number]
        if scenes.share_alike(rows, NEIGHBOURS) < DENSE:
            groups[rows] = before[rows] + len(groups)  # numbers that no other group has
            doubtful[rows] = True
    return _Seen(groups, doubtful)


def _enough(joined: Rows, mixed: NDArray[np.bool_]) -> Rows:
    """Undo groups, the largest first, until the class can be split by whole groups. Return the groups' numbers (m,).

    A class that can be split photo by photo must not be refused because of its recordings.
    """
    numbers = joined.copy()
    while not _divisible(numbers, mixed):
        sizes = np.bincount(numbers)
        if sizes.max() == 1:
            break
        largest = np.flatnonzero(numbers == sizes.argmax())
        numbers[largest] = len(sizes) + np.arange(len(largest))
    return numbers


def _divisible(numbers: Rows, mixed: NDArray[np.bool_]) -> bool:
    """Return whether whole groups of this class alone can give test two photos, validation one and training one."""
    sizes = np.sort(np.unique(numbers[~np.isin(numbers, numbers[mixed])], return_counts=True)[1])
    return len(sizes) > GROUPS_LEAST or (len(sizes) == GROUPS_LEAST and sizes[1] >= 2)


def _sizes(leaders: Rows) -> Rows:
    """Return the size (m,) of each picture's group."""
    return np.asarray(np.bincount(leaders)[leaders], np.int64)


def _leaders(numbers: Rows) -> Rows:
    """Return the least row (m,) of each picture's group."""
    _, first, places = np.unique(numbers, return_index=True, return_inverse=True)
    return np.asarray(first[places], np.int64)


def _mixed(labels: Rows, exact: Rows) -> NDArray[np.bool_]:
    """Return whether each photo has an exact copy in another class: (n,) bool."""
    classes = np.bincount(np.unique(np.stack([exact, labels]), axis=1)[0])  # of each picture
    several: NDArray[np.bool_] = classes[exact] > 1
    return several


def _equal(digests: Iterable[str]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for row, digest in enumerate(digests):
        if first.setdefault(digest, row) != row:
            yield first[digest], row


def _numbered(count: int, pairs: Iterable[tuple[int, int]]) -> Rows:
    leaders = list(range(count))
    for one, other in pairs:
        first, second = sorted((_leader(leaders, one), _leader(leaders, other)))
        leaders[second] = first
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(_leader(leaders, row), len(numbers)) for row in range(count)], dtype=np.int64)


def _leader(leaders: list[int], row: int) -> int:
    while leaders[row] != row:
        leaders[row] = leaders[leaders[row]]
        row = leaders[row]
    return row
