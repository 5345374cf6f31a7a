"""Whether two photos show one scene: alike in the large and in their details, wherever the camera has moved to.

Photos of different things before one plain background share the background's brightness, frames of one recording share
edges and texture too. A wall of bricks shares these with itself, a little further on; but not its shades. Everything is
computed in whole numbers up to the last division, so that every machine finds the same.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Pixels, Rows

REACH = 2  # thumbnail pixels to each side, whose mean is no detail of the pixel between them
WIDTH = 2 * REACH + 1
SHIFT = 3  # thumbnail pixels, each way, by which a camera moves between two frames: a tenth of the picture
SHADES = 0.92  # correlation of the means around each pixel, at least
LIKELY = 0.75  # correlation of the pixels in place from which on a pair is compared with shifts
CHUNK = 1024  # pairs compared at a time
BLOCK = 512  # photos compared with all others at a time
COMPARED_MOST = 4_000  # pairs of a class that are compared with shifts: about a second
TYPICAL_PAIRS = 500  # random pairs of a class
TYPICAL = 0.25  # quantile of random pairs: pairs of different recordings, where a class has at least two

Grey = NDArray[np.float64]  # (n, s, s), in whole numbers


class Scenes:
    """The thumbnails of a class, to be compared in pairs."""

    def __init__(self, thumbnails: Pixels) -> None:
        """`thumbnails` are (n, s, s)."""
        _, side, _ = thumbnails.shape
        wide = np.pad(thumbnails, ((0, 0), (REACH, REACH), (REACH, REACH)), mode="edge").astype(np.uint16)
        self._thumbnails = thumbnails
        self._around = np.zeros(thumbnails.shape, np.uint16)  # the sum of WIDTH x WIDTH pixels around each
        for top, left in product(range(WIDTH), repeat=2):
            self._around += wide[:, top : top + side, left : left + side]

    def likeness(self, one: Rows, other: Rows) -> NDArray[np.float64]:
        """Return the correlation (m,) of the details of pairs of photos, -1..1, at the best shift of one of them.

        It is -1 where the shades differ there.
        """
        found = [
            self._compared(one[start : start + CHUNK], other[start : start + CHUNK])
            for start in range(0, len(one), CHUNK)
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def _compared(self, one: Rows, other: Rows) -> NDArray[np.float64]:
        best, shades = -np.ones(len(one)), -np.ones(len(one))
        a, b = self._details(one), self._details(other)
        for down, right in product(range(-SHIFT, SHIFT + 1), repeat=2):
            found = _correlation(_shifted(a, down, right), _shifted(b, -down, -right))
            better = np.flatnonzero(found > best)
            best[better] = found[better]
            shades[better] = self._shades_alike(one[better], other[better], down, right)
        return np.where(shades >= SHADES, best, -1.0)

    def _details(self, rows: Rows) -> Grey:
        """Return (m, s, s) each pixel's difference from the mean around it, times WIDTH x WIDTH."""
        return np.asarray(self._thumbnails[rows] * np.float64(WIDTH**2) - self._around[rows], np.float64)

    def _shades_alike(self, one: Rows, other: Rows, down: int, right: int) -> NDArray[np.float64]:
        """Return the correlation (m,) of the means around the pixels of pairs of photos at a shift."""
        a, b = (self._around[rows].astype(np.float64) for rows in (one, other))
        return _correlation(_centred(_shifted(a, down, right)), _centred(_shifted(b, -down, -right)))

    def joined(self, groups: Rows, least: float) -> Rows:
        """Join groups (n,) of photos by pairs that are alike by `least`; return the numbers of the larger groups."""
        groups, left = groups.copy(), COMPARED_MOST
        count, side, _ = self._thumbnails.shape
        flat = _centred(self._thumbnails.astype(np.float64)).reshape(count, side * side)
        lengths = np.maximum(np.sqrt((flat * flat).sum(axis=1)), 1.0)
        for start in range(0, len(flat), BLOCK):
            # The products are whole numbers below 2**53: exact in any order.
            products = flat[start : start + BLOCK] @ flat[start:].T
            likely = products >= LIKELY * lengths[start : start + BLOCK, None] * lengths[None, start:]
            one, other = (rows + start for rows in np.nonzero(np.triu(likely, 1)))
            for first in range(0, len(one), CHUNK):
                rows = one[first : first + CHUNK], other[first : first + CHUNK]
                apart = groups[rows[0]] != groups[rows[1]]
                rows = rows[0][apart], rows[1][apart]
                for a, b in np.stack(rows)[:, self.likeness(*rows) >= least].T:
                    groups[groups == groups[b]] = groups[a]
                left -= int(apart.sum())
                if left <= 0:  # only a class of one plain background has so many pairs
                    return groups
        return groups

    def share_alike(self, rows: Rows, least: float) -> float:
        """Return the share of pairs of these photos (m,), in a random order, that are alike by `least`: 0..1.

        At most TYPICAL_PAIRS pairs are compared. A photo alone is like itself.
        """
        steps = range(1, min(len(rows), 1 + max(1, TYPICAL_PAIRS // len(rows))))
        if not steps:
            return 1.0
        one, other = np.tile(rows, len(steps)), np.concatenate([np.roll(rows, step) for step in steps])
        return float(np.mean(self.likeness(one[:TYPICAL_PAIRS], other[:TYPICAL_PAIRS]) >= least))

    def typical(self, order: Rows) -> float:
        """Return how alike two photos of the class are that have nothing to do with each other.

        `order` (n,) puts the photos in an order that is random but always the same: neighbours in it are the pairs.
        """
        found = np.sort(self.likeness(order[:TYPICAL_PAIRS], np.roll(order, 1)[:TYPICAL_PAIRS]))
        return max(0.0, float(found[int(TYPICAL * len(found))])) if len(found) > 1 else 0.0


def _centred(photos: Grey) -> Grey:
    """Return photos (m, h, w) less their mean, times the number of their pixels."""
    return (
        np.asarray(photos * float(photos[0].size) - photos.sum(axis=(1, 2), keepdims=True)) if len(photos) else photos
    )


def _shifted(photos: Grey, down: int, right: int) -> Grey:
    """Return the part of photos (m, s, s) that overlaps with others which lie so far down and right."""
    _, side, _ = photos.shape
    return photos[:, max(0, down) : side + down, max(0, right) : side + right]  # none lies behind the last


def _correlation(one: Grey, other: Grey) -> NDArray[np.float64]:
    products, squares, others = (np.einsum("nij,nij->n", *both) for both in ((one, other), (one, one), (other, other)))
    return np.asarray(products / np.maximum(np.sqrt(squares) * np.sqrt(others), 1.0))
