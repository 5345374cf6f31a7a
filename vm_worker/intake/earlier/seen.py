"""The photos that an earlier model has learnt from or was tested on, by digests, and those of an upload that it knows.

A digest shows no photo, but whoever has a photo can tell by it whether the model has seen that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake import near_duplicates
from vm_worker.intake.arrays import Flags, Pixels, Rows
from vm_worker.intake.groups import NEAR_MOST, NEAR_MOST_SHARE, PhotoDigests
from vm_worker.intake.near_duplicates import BLOCK, MEAN_DIFFERENCE, SIDE

# A copy that is missed would be tested on: so more bits may differ than between near copies of one upload. Measured on
# copies that were resized to 40 % and recompressed at quality 30: tests/benchmarks/reuploads.py
NEAR_BITS = 8  # of 64 may differ
NEAR = MEAN_DIFFERENCE + 1  # of 255, between coarse thumbnails: rounding adds less than 1 to the true difference
# Photos before one plain background are all near each other. There a copy is known by a smaller difference, whatever
# bits of its hash fell on the other side of the median.
SAME = 2.5  # of 255
SAME_BITS = 16  # of 64 may differ
UNKNOWN = -1  # whether the earlier model was right on a photo


class Side(IntEnum):
    """What an earlier model did with a photo; the larger value counts where several photos are of one group."""

    NEW = 0  # it does not know the photo
    TESTED = 1
    LEARNT = 2  # trained on it, or chosen by it; or an ancestor of it was


@dataclass(frozen=True, eq=False)
class SeenPhotos:
    """The digests of the photos that a model and its ancestors have seen, one row a photo."""

    content: Pixels  # (n, 32) uint8: SHA-256 of the file's bytes
    pixels: Pixels  # (n, 16) uint8: digest of the decoded picture
    codes: NDArray[np.uint64]  # (n,) perceptual hashes
    grey: Pixels  # (n, 8, 8) uint8: mean grey values
    plain: Flags  # (n,) bool: whether there are no codes and grey values, so that only exact copies are known
    sides: NDArray[np.uint8]  # (n,) values of Side, never NEW
    right: NDArray[np.int8]  # (n,) 1: the model was right on this test photo; 0: wrong; UNKNOWN: not tested by it

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.sides)

    @classmethod
    def of(cls, photos: Sequence[PhotoDigests], tested: Flags) -> SeenPhotos:
        """Return the digests of photos (n,), `tested` (n,) or else learnt."""
        thumbnails = _thumbnails(photos)
        sides = np.where(tested, Side.TESTED, Side.LEARNT).astype(np.uint8)
        return cls(
            content=_bytes([photo.content for photo in photos], 32),
            pixels=_bytes([photo.pixels for photo in photos], 16),
            codes=near_duplicates.hashes(thumbnails),
            grey=near_duplicates.coarse(thumbnails),
            plain=np.array([len(photo.thumbnail) != SIDE * SIDE for photo in photos], bool),
            sides=sides,
            right=np.full(len(photos), UNKNOWN, np.int8),
        )

    def save(self, path: Path) -> None:
        """Write the digests to an .npz file."""
        np.savez_compressed(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> SeenPhotos:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(**{one.name: data[one.name] for one in fields(cls)})

    def joined(self, earlier: SeenPhotos) -> SeenPhotos:
        """Return these photos and those of an ancestor. A photo of both counts as learnt if either learnt it."""
        known = {row.tobytes(): number for number, row in enumerate(self.content)}
        again = np.array([row.tobytes() in known for row in earlier.content], bool)
        places = np.array([known[row.tobytes()] for row in earlier.content[again]], np.int64)
        sides = self.sides.copy()
        np.maximum.at(sides, places, earlier.sides[again])
        return SeenPhotos(
            **{
                one.name: np.concatenate(
                    [sides if one.name == "sides" else getattr(self, one.name), getattr(earlier, one.name)[~again]]
                )
                for one in fields(self)
                if one.name != "right"
            },
            # The ancestor's answers are not this model's.
            right=np.concatenate([self.right, np.full(int((~again).sum()), UNKNOWN, np.int8)]),
        )

    def known(self, photos: Sequence[PhotoDigests]) -> tuple[NDArray[np.uint8], Rows]:
        """Return what the model did with each photo, (n,) values of Side, and (n,) the row here; -1: none.

        A photo is known by an exact copy of its file or its pixels, or where hash and grey values are both near. Where
        more photos here are near it than copies are plausible for, only those with a smaller difference count.
        """
        other = SeenPhotos.of(photos, np.ones(len(photos), bool))
        sides, places = np.zeros(len(photos), np.uint8), np.full(len(photos), -1, np.int64)
        for mine, theirs in ((self.content, other.content), (self.pixels, other.pixels)):
            rows: dict[bytes, list[int]] = {}
            for number, row in enumerate(mine):
                rows.setdefault(row.tobytes(), []).append(number)
            for place, row in enumerate(theirs):
                self._mark(sides, places, place, np.array(rows.get(row.tobytes(), []), np.int64))
        for place, found in self._near(other, max(NEAR_MOST, int(NEAR_MOST_SHARE * len(self)))):
            self._mark(sides, places, place, found)
        return sides, places

    def _mark(self, sides: NDArray[np.uint8], places: Rows, place: int, found: Rows) -> None:
        """Note that one photo is the same as these rows (m,): learnt, if one of them was."""
        if not len(found):
            return
        best = int(found[self.sides[found].argmax()])
        if self.sides[best] > sides[place]:
            sides[place], places[place] = self.sides[best], best

    def _near(self, other: SeenPhotos, most: int) -> Iterator[tuple[int, Rows]]:
        """Yield each other photo that has rows near it, and these rows (m,)."""
        for start in range(0, len(other), BLOCK):
            codes = other.codes[start : start + BLOCK]
            bits = np.bitwise_count(codes[:, None] ^ self.codes[None, :])
            close = bits <= SAME_BITS
            close[other.plain[start : start + BLOCK]] = False
            close[:, self.plain] = False
            for number in np.flatnonzero(close.any(axis=1)).tolist():
                rows = np.flatnonzero(close[number]).astype(np.int64)
                mine, grey = self.grey[rows], other.grey[start + number]
                difference = (np.maximum(mine, grey) - np.minimum(mine, grey)).mean(axis=(1, 2), dtype=np.float64)
                near = (bits[number, rows] <= NEAR_BITS) & (difference <= NEAR)
                same = difference <= SAME
                found = rows[same if int(near.sum()) > most else near | same]
                if len(found):
                    yield start + number, found


def _thumbnails(photos: Sequence[PhotoDigests]) -> Pixels:
    """Return the thumbnails (n, 32, 32), grey where a photo has none."""
    nothing = bytes(SIDE * SIDE)
    each = [photo.thumbnail if len(photo.thumbnail) == SIDE * SIDE else nothing for photo in photos]
    return np.frombuffer(b"".join(each), np.uint8).reshape(len(each), SIDE, SIDE)


def _bytes(digests: Sequence[str], length: int) -> Pixels:
    """Return hex digests as bytes (n, length)."""
    every = b"".join(bytes.fromhex(digest) for digest in digests)
    return np.frombuffer(every, np.uint8).reshape(len(digests), length)
