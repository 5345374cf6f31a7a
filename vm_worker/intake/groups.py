"""Group copies and near copies of one picture, which must never lie on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake import near_duplicates
from vm_worker.intake.arrays import Rows
from vm_worker.intake.dataset import Duplicates
from vm_worker.intake.near_duplicates import SIDE

DISTINCT_LEAST = 5  # groups a class: at most two for test, one for validation, and the rest to learn from
NEAR_MOST = 10  # different pictures in a group of near copies, or
NEAR_MOST_SHARE = 0.05  # this share of the class, if that is more: photos with one plain background are no copies


@dataclass(frozen=True)
class PhotoDigests:
    """The digests of a usable photo by which it is grouped and split."""

    stratum: int  # index into the names of the strata
    content: str  # SHA-256 of the file's bytes, hex
    pixels: str  # digest of the decoded picture, hex
    thumbnail: bytes = b""  # 32 x 32 grey; empty: only exact copies of it are found


@dataclass(frozen=True)
class Groups:
    """The groups of photos that are copies or near copies of one picture."""

    numbers: Rows  # (n,) the number of each photo's group, from 0 in the order of first members
    exact: Rows  # (n,) the number of each photo's group where only exact copies are grouped
    plain: Mapping[int, int]  # label -> photos that look so much alike that only exact copies are grouped

    def duplicates(self, classes: Sequence[str]) -> Duplicates:
        """Count the duplicates, for the report. `classes` are the names of the labels."""
        sizes = np.bincount(self.exact)
        pictures = np.unique(np.stack([self.numbers, self.exact]), axis=1)[0]  # the group of each picture
        return Duplicates(
            photos=len(self.numbers) - len(np.unique(self.numbers)),
            exact_groups=int(np.sum(sizes > 1)),
            near_groups=int(np.sum(np.bincount(pictures, minlength=1) > 1)),
            plain=tuple((classes[label], count) for label, count in sorted(self.plain.items())),
        )


def group(photos: Sequence[PhotoDigests]) -> Groups:
    """Group exact copies in all classes, and near copies within each class."""
    exact = _numbered(len(photos), exact_pairs(photos))
    pairs, plain = _near_pairs(photos, exact)
    return Groups(_numbered(len(photos), [*exact_pairs(photos), *pairs]), exact, plain)


def exact_pairs(photos: Sequence[PhotoDigests]) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows with the same bytes, or the same decoded pixels."""
    for digests in ([photo.content for photo in photos], [photo.pixels for photo in photos]):
        yield from _equal(digests)


def _near_pairs(photos: Sequence[PhotoDigests], exact: Rows) -> tuple[list[tuple[int, int]], dict[int, int]]:
    """Find pairs of near copies, and the classes with too many of them: {label: photos}."""
    labels = np.array([photo.stratum for photo in photos], dtype=np.int64)
    known = np.array([len(photo.thumbnail) == SIDE * SIDE for photo in photos], dtype=bool)
    mixed = _mixed(labels, exact)
    pairs: list[tuple[int, int]] = []
    plain: dict[int, int] = {}
    for label in np.unique(labels[known]).tolist():
        rows = np.flatnonzero((labels == label) & known)
        rows = rows[np.unique(exact[rows], return_index=True)[1]]  # one of each picture
        found = _communities([photos[row] for row in rows.tolist()])
        joined = _kept(found, mixed[rows])
        pairs += [(int(rows[leader]), int(row)) for leader, row in zip(joined, rows, strict=True)]
        undone = rows[np.isin(found, found[joined != found])]
        if len(undone):
            plain[label] = int(np.sum((labels == label) & np.isin(exact, exact[undone])))
    return pairs, plain


def _communities(photos: Sequence[PhotoDigests]) -> Rows:
    grey = np.frombuffer(b"".join(photo.thumbnail for photo in photos), np.uint8)
    return near_duplicates.communities(grey.reshape(-1, SIDE, SIDE))


def _kept(found: Rows, mixed: NDArray[np.bool_]) -> Rows:
    """Undo the communities that are too large to be copies. `found` (m,) is the leader of each picture of a class."""
    alone = np.arange(len(found), dtype=np.int64)
    sizes = np.bincount(found, minlength=len(found))
    most = max(NEAR_MOST, int(NEAR_MOST_SHARE * len(found)))
    kept = np.where(sizes[found] > most, alone, found)
    # A class that can be split without grouping near copies must not be refused because of them.
    enough = _unmixed(kept, mixed) >= min(DISTINCT_LEAST, _unmixed(alone, mixed))
    return kept if enough else alone


def _unmixed(leaders: Rows, mixed: NDArray[np.bool_]) -> int:
    """Count the groups all of whose pictures lie in their class alone."""
    return len(np.setdiff1d(leaders, leaders[mixed]))


def _mixed(labels: Rows, exact: Rows) -> NDArray[np.bool_]:
    """Return whether each photo has an exact copy in another class: (n,) bool."""
    low, high = (np.full(len(exact), start, dtype=np.int64) for start in (np.iinfo(np.int64).max, -1))
    np.minimum.at(low, exact, labels)
    np.maximum.at(high, exact, labels)
    differ: NDArray[np.bool_] = low[exact] != high[exact]
    return differ


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
