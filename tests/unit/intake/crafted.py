"""Photos and zips made for tests: good ones, odd ones, hostile ones. All seeded."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DIRECTORY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
END = struct.Struct("<4s4H2LH")


def picture(seed: int, width: int = 40, height: int = 30) -> Image.Image:
    """Coloured clouds: smooth, and different for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The picture as a file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(seed: int, kind: str = "JPEG") -> bytes:
    """A small photo's bytes."""
    return encoded(picture(seed), kind)


def class_files(counts: Mapping[str, int], kind: str = "JPEG", prefix: str = "") -> dict[str, bytes]:
    """Folders of different photos: {path: bytes}."""
    files = {}
    for place, (name, count) in enumerate(counts.items()):
        for number in range(count):
            files[f"{prefix}{name}/{number:03}.{kind.lower()}"] = photo(1000 * place + number, kind)
    return files


def two_classes(count: int = 12) -> dict[str, bytes]:
    """The smallest set that is accepted, and some."""
    return class_files({"cats": count, "dogs": count})


def zip_of(files: Mapping[str, bytes], path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip as Python writes it, the same bytes at any hour."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def folder_of(files: Mapping[str, bytes], path: Path) -> Path:
    """The files as a folder."""
    for name, data in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return path


@dataclass(frozen=True)
class RawEntry:
    """One entry of a zip written by hand; anything may be a lie."""

    name: bytes
    data: bytes  # as it lies in the file
    method: int = 0
    flags: int = 0
    size: int | None = None  # declared after unpacking; None = of the data
    packed: int | None = None  # declared in the file
    crc: int | None = None
    mode: int = 0  # Unix mode
    extra: bytes = b""
    at: int | None = None  # the local header's offset; None = the true one


def raw_zip(entries: Sequence[RawEntry], path: Path, descriptors: bool = False) -> Path:
    """A zip byte by byte."""
    body, directory = bytearray(), bytearray()
    for entry in entries:
        flags = entry.flags | (8 if descriptors else 0)
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        packed = len(entry.data) if entry.packed is None else entry.packed
        size = len(entry.data) if entry.size is None else entry.size
        offset = len(body) if entry.at is None else entry.at
        sums = (0, 0, 0) if descriptors else (crc, packed, size)
        name, extra = entry.name, entry.extra
        body += LOCAL.pack(b"PK\3\4", 20, flags, entry.method, 0, 33, *sums, len(name), 0) + name + entry.data
        if descriptors:
            body += struct.pack("<4s3L", b"PK\7\x08", crc, packed, size)
        head = (b"PK\1\2", 0x0314, 20, flags, entry.method, 0, 33, crc, packed, size, len(name), len(extra))
        directory += DIRECTORY.pack(*head, 0, 0, 0, entry.mode << 16, offset) + name + extra
    count = len(entries) & 0xFFFF
    path.write_bytes(bytes(body + directory) + END.pack(b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0))
    return path


def raw_files(files: Mapping[str, bytes], flags: int = 0, encoding: str = "utf-8") -> list[RawEntry]:
    """Stored entries with names in an encoding of choice."""
    return [RawEntry(name.encode(encoding), data, flags=flags) for name, data in files.items()]


def deflated(data: bytes) -> bytes:
    """Raw deflate, as zips hold it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def gap(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """The largest difference of two pictures, 0..255."""
    return int(np.abs(one.astype(int) - other.astype(int)).max())
