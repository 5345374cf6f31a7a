"""Read a photo's bytes from a zip or a folder, without trusting the declared size; and what its shape is."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.errors import ModelmailError

LYING = (5, 6, 7, 8)  # EXIF orientations that exchange width and height


class DamagedEntry(ModelmailError):
    """The bytes differ from what the zip or the folder declares."""


@dataclass(frozen=True)
class Extent:
    """A span of bytes in a zip, or a whole file of a folder, as plain values that another process can read."""

    path: str  # of the zip or the file
    offset: int  # bytes, where the data starts
    packed: int  # bytes in the file
    size: int  # bytes declared after unpacking
    method: int = zipfile.ZIP_STORED  # or ZIP_DEFLATED
    crc: int | None = None  # None: a file of a folder

    def read(self) -> bytes:
        """Read and unpack the bytes, never more than declared. Raises DamagedEntry, and OSError when a zip is gone."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                packed = file.read(self.packed)
        except OSError as error:
            if self.crc is None:  # one photo of a folder, perhaps without permission to read it
                raise DamagedEntry("cannot be opened") from error
            raise
        data = self._inflated(packed) if self.method == zipfile.ZIP_DEFLATED else packed
        if len(data) != self.size or self.crc not in (None, zlib.crc32(data)):
            raise DamagedEntry("is damaged")
        return data

    def beginning(self, size: int) -> bytes:
        """Read and unpack the first `size` bytes alone, unchecked. Raises DamagedEntry, and OSError as `read` does."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                packed = file.read(min(self.packed, 2 * size + 1024))  # more than `size` where it does not compress
        except OSError as error:
            if self.crc is None:
                raise DamagedEntry("cannot be opened") from error
            raise
        if self.method != zipfile.ZIP_DEFLATED:
            return packed[:size]
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size)
        except zlib.error as error:
            raise DamagedEntry("is damaged") from error

    def head(self, size: int) -> bytes:
        """Read the first `size` bytes, none where the data is damaged. Raises OSError as `read` does."""
        try:
            return self.beginning(size)
        except DamagedEntry:
            return b""

    def _inflated(self, packed: bytes) -> bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        with suppress(zlib.error):
            # One byte more than declared is enough to find a false size, and a bomb gets no further.
            data = inflater.decompress(packed, self.size + 1)
            if inflater.eof:
                return data
        raise DamagedEntry("is damaged")


@dataclass(frozen=True)
class Shape:
    """The size of a photo in pixels, and its EXIF orientation."""

    width: int  # as stored
    height: int
    orientation: int = 1  # 2 to 8: to be turned or flipped; everything else: upright

    @property
    def stored(self) -> tuple[int, int]:
        """The width and height of the stored photo."""
        return self.width, self.height

    @property
    def upright(self) -> tuple[int, int]:
        """The width and height of the photo turned upright."""
        return (self.height, self.width) if self.orientation in LYING else (self.width, self.height)

    def turn(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (n, 2) of the stored photo as points of the photo turned upright.

        The turns are those of the EXIF standard, 2.3, tag 274.
        """
        x, y = points[:, 0], points[:, 1]
        right, down = self.width - x, self.height - y
        turned = {
            2: (right, y),
            3: (right, down),
            4: (x, down),
            5: (y, x),
            6: (down, x),
            7: (down, right),
            8: (y, right),
        }
        return np.stack(turned.get(self.orientation, (x, y)), axis=1)
