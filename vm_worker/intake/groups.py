"""Photos that belong together: duplicates, which must never lie on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Seen:
    """A usable photo, as far as grouping and splitting need to know it."""

    label: int  # index into the classes
    content: str  # SHA-256 of the file's bytes, hex
    pixels: str  # digest of the decoded picture, hex


def group(photos: Sequence[Seen]) -> NDArray[np.int64]:
    """(n,) group numbers from 0 in the order of first members; equal = duplicates.

    Any further kind of likeness is one more source of pairs here.
    """
    leaders = list(range(len(photos)))
    for one, other in exact_pairs(photos):
        first, second = sorted((_leader(leaders, one), _leader(leaders, other)))
        leaders[second] = first
    numbers: dict[int, int] = {}
    return np.array(
        [numbers.setdefault(_leader(leaders, row), len(numbers)) for row in range(len(photos))], dtype=np.int64
    )


def exact_pairs(photos: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """Pairs of rows with the same bytes, or the same decoded pixels."""
    for digests in ([photo.content for photo in photos], [photo.pixels for photo in photos]):
        yield from _equal(digests)


def _equal(digests: Iterable[str]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for row, digest in enumerate(digests):
        if first.setdefault(digest, row) != row:
            yield first[digest], row


def _leader(leaders: list[int], row: int) -> int:
    while leaders[row] != row:
        leaders[row] = leaders[leaders[row]]
        row = leaders[row]
    return row
