"""Read a photo's bytes from a zip or a folder, without trusting the declared size."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass

from jobs.errors import ModelmailError


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

    def _inflated(self, packed: bytes) -> bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            # One byte more than declared is enough to find a false size, and a bomb gets no further.
            data = inflater.decompress(packed, self.size + 1)
        except zlib.error as error:
            raise DamagedEntry("is damaged") from error
        if not inflater.eof:
            raise DamagedEntry("is damaged")
        return data
