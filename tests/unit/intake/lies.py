"""Ways to write a zip with false fields; each function returns a function that writes the zip to a path."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from jobs.limits import Limits
from tests.unit.intake.crafted import END, SIGNED, RawEntry, class_files, photo, raw_files, raw_zip, two_classes, zip_of

Write = Callable[[Path], object]
PHOTOS = 6  # a class; few, as all of them are opened in each case
FEW = replace(Limits(), class_images_min=5)
EXTRA_ZIP64 = 0x0001
EXTRA_AES = 0x9901
ALL = 0xFFFFFFFF  # "look into the zip64 field"


@cache
def good() -> tuple[RawEntry, ...]:
    """Return the entries of a zip that is accepted."""
    return tuple(raw_files(two_classes(PHOTOS)))


def with_entry(name: bytes, **lies: Any) -> Write:
    """Add an entry: a good photo, except for the given false fields."""
    entry = replace(RawEntry(name, photo(77)), **lies)
    return lambda path: raw_zip([*good(), entry], path)


def first(**lies: Any) -> Write:
    """Give the first entry these false fields."""
    return lambda path: raw_zip([replace(good()[0], **lies), *good()[1:]], path)


def of_bytes(data: bytes) -> Write:
    """Write just these bytes."""
    return lambda path: path.write_bytes(data)


def of_files(files: Mapping[str, bytes]) -> Write:
    """Write a correct zip of odd files."""
    return lambda path: zip_of(files, path)


def edited(edit: Callable[[bytes], bytes]) -> Write:
    """Write a good zip with its bytes changed."""

    def write(path: Path) -> None:
        raw_zip(good(), path)
        path.write_bytes(edit(path.read_bytes()))

    return write


def ended(**fields: int) -> Write:
    """Write a good zip with other numbers in its last record: disk, start_disk, here, count, bytes, offset, comment."""
    names = ("signature", "disk", "start_disk", "here", "count", "bytes", "offset", "comment")

    def edit(data: bytes) -> bytes:
        values = dict(zip(names, END.unpack(data[-END.size :]), strict=True)) | fields
        return data[: -END.size] + END.pack(*values.values())

    return edited(edit)


def field(kind: int, data: bytes) -> bytes:
    """Return an extra field."""
    return struct.pack("<HH", kind, len(data)) + data


def zip64_end(disks: int = 1, **lies: int) -> Write:
    """Put all numbers of the last record into zip64's own record; `lies` change them."""

    def edit(data: bytes) -> bytes:
        *_, count, size, offset, _ = END.unpack(data[-END.size :])
        values = {"count": count, "bytes": size, "offset": offset} | lies
        numbers = (values["count"], values["count"], values["bytes"], values["offset"])
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *numbers)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, offset + size, disks)
        end = END.pack(b"PK\5\6", 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, ALL, ALL, 0)
        return data[: -END.size] + record + locator + end

    return edited(edit)


def zip64_sizes(data: bytes, *numbers: int) -> RawEntry:
    """Return an entry with these numbers as sizes (and perhaps offset), in the extra field."""
    extra = field(EXTRA_ZIP64, struct.pack(f"<{len(numbers)}Q", *numbers))
    return RawEntry(b"cats/64.jpg", data, size=ALL, packed=ALL, extra=extra, local={"extra": extra})


def aes(path: Path) -> None:
    """Write a zip with a password, as WinZip and 7-Zip do."""
    extra = field(EXTRA_AES, struct.pack("<H2sBH", 2, b"AE", 3, 8))
    raw_zip([replace(entry, method=99, flags=1, extra=extra) for entry in good()], path)


def zipcrypto(path: Path) -> None:
    """Write a zip with a password by the old ZipCrypto."""
    header = np.random.default_rng(1).bytes(12)
    raw_zip([replace(entry, data=header + entry.data, flags=1) for entry in good()], path)


def descriptors_of_zip64(path: Path) -> None:
    """Write zip64's descriptors, which are longer than necessary."""
    raw_zip(good(), path, SIGNED + b"\0" * 8)


def quoted_headers(path: Path) -> None:
    """Write entries whose data holds the next one's header: no two begin at one offset, all share bytes."""
    shared = good()[0]
    inner = shared.in_body(None)
    entries = [replace(shared, name=b"cats/q%d.jpg" % n, packed=len(shared.data) + len(inner)) for n in range(20)]
    raw_zip([*entries, *good()], path)


def two_directories(path: Path) -> None:
    """Write one zip behind another."""
    raw_zip(good(), path)
    one = path.read_bytes()
    zip_of(class_files({"owls": PHOTOS, "bats": PHOTOS}), path)
    path.write_bytes(one + path.read_bytes())


def of_python(method: int) -> Write:
    """Write a zip compressed by this method."""
    return lambda path: zip_of(two_classes(PHOTOS), path, method)


def nested(levels: int) -> bytes:
    """Return a zip of zips of zips: ten times as much on each level."""
    data = b"\0" * 1000
    for _ in range(levels):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(zipfile.ZipInfo(f"{number}.zip"), data, zipfile.ZIP_DEFLATED)
        data = file.getvalue()
    return data
