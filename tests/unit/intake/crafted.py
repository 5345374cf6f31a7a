"""Make photos and zips for tests: good, odd and hostile ones, all from seeds."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DIRECTORY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
END = struct.Struct("<4s4H2LH")


def picture(seed: int, width: int = 40, height: int = 30) -> Image.Image:
    """Draw coloured clouds: smooth, and different for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return the picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def photo(seed: int, kind: str = "JPEG") -> bytes:
    """Return the bytes of a small photo."""
    return encoded(picture(seed), kind)


def class_files(counts: Mapping[str, int], kind: str = "JPEG", prefix: str = "") -> dict[str, bytes]:
    """Return folders of different photos: {path: bytes}."""
    files = {}
    for place, (name, count) in enumerate(counts.items()):
        for number in range(count):
            files[f"{prefix}{name}/{number:03}.{kind.lower()}"] = photo(1000 * place + number, kind)
    return files


def two_classes(count: int = 12) -> dict[str, bytes]:
    """Return two classes, a little larger than the smallest set that is accepted."""
    return class_files({"cats": count, "dogs": count})


def zip_of(files: Mapping[str, bytes], path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip as Python does, with the same bytes at any time of day."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def folder_of(files: Mapping[str, bytes], path: Path) -> Path:
    """Write the files as a folder."""
    for name, data in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return path


@dataclass(frozen=True)
class RawEntry:
    """An entry of a zip that is written byte by byte, any field of which may be false."""

    name: bytes
    data: bytes  # as it lies in the file
    method: int = 0
    flags: int = 0
    size: int | None = None  # declared after unpacking; None = of the data
    packed: int | None = None  # declared in the file
    crc: int | None = None
    mode: int = 0  # Unix mode
    extra: bytes = b""  # in the directory
    at: int | None = None  # the local header's offset; None = the true one
    disk: int = 0
    made_by: int = 0x0314  # system and version
    needed: int = 20  # version
    attributes: int = 0  # of DOS
    comment: bytes = b""
    local: Mapping[str, Any] = field(default_factory=dict)  # fields of the local header that differ, and its `extra`

    def declared(self) -> dict[str, int]:
        """Return checksum and sizes as declared."""
        return {
            "crc": zlib.crc32(self.data) if self.crc is None else self.crc,
            "packed": len(self.data) if self.packed is None else self.packed,
            "size": len(self.data) if self.size is None else self.size,
        }

    def in_body(self, descriptor: bytes | None) -> bytes:
        """Return the local header, the data, and a descriptor with that signature."""
        flags = self.flags | (0 if descriptor is None else 8)
        sums = self.declared() if descriptor is None else dict.fromkeys(("crc", "packed", "size"), 0)
        has: dict[str, Any] = {"name": self.name, "method": self.method, "flags": flags, "extra": b"", **sums}
        has |= self.local
        numbers = (has["crc"], has["packed"], has["size"], len(has["name"]), len(has["extra"]))
        head = LOCAL.pack(b"PK\3\4", self.needed, has["flags"], has["method"], 0, 33, *numbers)
        behind = b"" if descriptor is None else descriptor + struct.pack("<3L", *self.declared().values())
        return bytes(head + has["name"] + has["extra"] + self.data + behind)

    def in_directory(self, offset: int, streamed: bool) -> bytes:
        """Return the entry of the central directory."""
        flags = self.flags | (8 if streamed else 0)
        lengths = (len(self.name), len(self.extra), len(self.comment))
        head = (b"PK\1\2", self.made_by, self.needed, flags, self.method, 0, 33, *self.declared().values(), *lengths)
        attributes = self.attributes | self.mode << 16
        where = offset if self.at is None else self.at
        return DIRECTORY.pack(*head, self.disk, 0, attributes, where) + self.name + self.extra + self.comment


SIGNED, UNSIGNED = b"PK\7\x08", b""  # what data descriptors begin with


def raw_zip(entries: Sequence[RawEntry], path: Path, descriptors: bytes | None = None, comment: bytes = b"") -> Path:
    """Write a zip byte by byte."""
    body, directory = bytearray(), bytearray()
    for entry in entries:
        directory += entry.in_directory(len(body), descriptors is not None)
        body += entry.in_body(descriptors)
    count = len(entries) & 0xFFFF
    end = END.pack(b"PK\5\6", 0, 0, count, count, len(directory), len(body), len(comment))
    path.write_bytes(bytes(body + directory) + end + comment)
    return path


def raw_files(files: Mapping[str, bytes], flags: int = 0, encoding: str = "utf-8") -> list[RawEntry]:
    """Return stored entries with names in the given encoding."""
    return [RawEntry(name.encode(encoding), data, flags=flags) for name, data in files.items()]


def deflated(data: bytes) -> bytes:
    """Compress by raw deflate, as in zips."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def gap(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """Return the largest difference between two pictures, 0..255."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())
