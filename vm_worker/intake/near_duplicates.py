"""Find near copies: recompressed, resized or slightly edited copies of a photo, and frames of one burst.

Everything is computed from a small grey thumbnail of each photo, in whole numbers, so that every machine finds the
same pairs. Two photos are alike when two measures agree: a perceptual hash, which depends on the layout and not on the
brightness, and the mean difference, which depends on the brightness, too. Each one alone finds plain pictures equal.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels, Rows

SIDE = 32  # pixels of a thumbnail
HASH_SIDE = 8  # coefficients of the cosine transform, each way: 64 bits
HASH_BITS = 4  # of 64 may differ
MEAN_DIFFERENCE = 6  # of 255, between the thumbnails' pixels
BLOCK = 256  # photos compared with all others at a time: some 50 MB for 25,000
CHUNK = 4096  # pairs of thumbnails compared at a time
POOL = 4  # thumbnail pixels, each way, of a coarse pixel
LUMA = np.array([299, 587, 114], np.int64)  # thousandths of red, green and blue: ITU-R BT.601

Hashes = NDArray[np.uint64]


def thumbnail(square: NDArray[np.uint8]) -> Pixels:
    """Reduce (s, s, 3) uint8 RGB, s a multiple of 32, to (32, 32) uint8 grey: the mean of each cell."""
    cell = len(square) // SIDE
    sums = square.reshape(SIDE, cell, SIDE, cell, 3).sum(axis=(1, 3), dtype=np.int64)
    whole = 1000 * cell * cell
    return np.asarray((sums @ LUMA + whole // 2) // whole, np.uint8)


def hashes(thumbnails: Pixels) -> Hashes:
    """Return the perceptual hashes (n,) of thumbnails (n, 32, 32).

    Each of the 64 bits stands for one of the 8 x 8 lowest cosine coefficients, and is set where that lies above their
    median. It is the usual pHash (Zauner 2010, section 3.2.1), with the transform's matrix rounded to whole numbers.
    The products are then exact, and a plain picture's zeros stay zeros instead of becoming random bits.
    """
    place = np.arange(SIDE)
    wave = np.cos(np.pi * np.outer(np.arange(HASH_SIDE), 2 * place + 1) / (2 * SIDE))
    matrix = np.rint(wave * 2**14)  # exact: the products stay below 2**53
    low = (matrix @ thumbnails.astype(np.float64) @ matrix.T).reshape(len(thumbnails), HASH_SIDE * HASH_SIDE)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def communities(thumbnails: Pixels) -> Rows:
    """Join pairs of alike photos to groups; return the least row of each photo's group, (n,).

    `thumbnails` are (n, 32, 32). The order of the photos changes no group.
    """
    group = np.arange(len(thumbnails), dtype=np.int64)
    small = coarse(thumbnails)
    for one, other in _close(hashes(thumbnails)):
        one, other = _apart(group, one, other)
        for start in range(0, len(one), CHUNK):
            pairs = one[start : start + CHUNK], other[start : start + CHUNK]
            # Coarse first: it is cheap, and rounding adds less than 1 to the true difference.
            pairs = _alike(small, *_apart(group, *pairs), MEAN_DIFFERENCE + 1)
            _join(group, *_alike(thumbnails, *pairs, MEAN_DIFFERENCE))
    return group


def _close(codes: Hashes) -> Iterator[tuple[Rows, Rows]]:
    """Yield pairs of rows whose hashes differ in few bits, the lower row first, block by block."""
    for start in range(0, len(codes), BLOCK):
        block, rest = codes[start : start + BLOCK], codes[start:]
        close = np.bitwise_count(block[:, None] ^ rest[None, :]) <= HASH_BITS
        one, other = np.nonzero(np.triu(close, 1))
        yield one.astype(np.int64) + start, other.astype(np.int64) + start


def _apart(group: Rows, one: Rows, other: Rows) -> tuple[Rows, Rows]:
    """Return the pairs that are not in one group yet; plain classes have millions of others."""
    apart = group[one] != group[other]
    return one[apart], other[apart]


def _alike(pictures: Pixels, one: Rows, other: Rows, most: float) -> tuple[Rows, Rows]:
    alike = _difference(pictures[one], pictures[other]) <= most
    return one[alike], other[alike]


def _join(group: Rows, one: Rows, other: Rows) -> None:
    for first, second in zip(one.tolist(), other.tolist(), strict=True):
        low, high = sorted((int(group[first]), int(group[second])))
        if low != high:
            group[group == high] = low


def _difference(one: Pixels, other: Pixels) -> NDArray[np.float64]:
    """Return the mean differences (m,), 0..255, of pictures (m, s, s)."""
    wide = np.maximum(one, other) - np.minimum(one, other)  # uint8 holds it
    return np.asarray(wide.mean(axis=(1, 2), dtype=np.float64))


def coarse(thumbnails: Pixels) -> Pixels:
    """Reduce thumbnails to (n, 8, 8), rounded down."""
    cells = thumbnails.reshape(len(thumbnails), SIDE // POOL, POOL, SIDE // POOL, POOL)
    return np.asarray(cells.mean(axis=(2, 4), dtype=np.float64), np.uint8)
