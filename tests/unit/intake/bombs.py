"""Write zip bombs, which would fill a disk or a memory or take a day; each with the code that refuses it."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.unit.intake.crafted import RawEntry, deflated, raw_zip, zip_of
from tests.unit.intake.lies import field, good, nested

MEGABYTE = 1_000_000
OLD_MOST = 65_535  # entries of a zip without zip64


@cache
def zeros(size: int, number: int = 0) -> RawEntry:
    """Return an entry of that many zeros, compressed."""
    return RawEntry(b"cats/%d.bmp" % number, deflated(b"\0" * size), method=8, size=size, crc=zlib.crc32(b"\0" * size))


def flat(path: Path) -> Path:
    """Write one gigabyte of zeros in one megabyte, in entries below the limit of an entry."""
    one = zeros(40 * MEGABYTE)
    return raw_zip([replace(one, name=b"cats/%d.bmp" % n) for n in range(25)], path)


def single(path: Path) -> Path:
    """Write one entry that is larger than any photo."""
    return raw_zip([*good(), zeros(60 * MEGABYTE)], path)


def overlapping(path: Path) -> Path:
    """Write 30,000 entries that share one piece of compressed data."""
    kernel = zeros(600)
    names = [replace(kernel, name=b"a/%d.bmp" % n, data=b"", packed=len(kernel.data), at=0) for n in range(30_000)]
    return raw_zip([kernel, *names], path)


def quoted(path: Path) -> Path:
    """Write David Fifield's bomb: no header is used twice, but each entry's data holds all the following entries.

    A stored block of deflate quotes the next header, so that every entry unpacks to valid data. (A better
    zip bomb, WOOT 2019, section 3.)
    """
    count, entry = 3_000, zeros(20_000)
    kernel = replace(entry, name=b"cats/%05d.bmp" % count)
    body = kernel.in_body(None)
    entries, packed, size = [kernel], len(entry.data), 20_000
    for number in reversed(range(count)):
        header = len(replace(kernel, data=b"").in_body(None))
        packed, size = packed + 5 + header, size + header
        entries.insert(0, replace(kernel, name=b"cats/%05d.bmp" % number, data=b"", packed=packed, size=size))
    quote = struct.pack("<BHH", 0, header, header ^ 0xFFFF)
    headers = b"".join(one.in_body(None) + quote for one in entries[:-1])
    step = header + len(quote)
    placed = [replace(one, at=number * step) for number, one in enumerate(entries)]
    directory = b"".join(one.in_directory(0, False) for one in placed)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[len(placed)] * 2, len(directory), len(headers + body), 0)
    path.write_bytes(headers + body + directory + end)
    return path


def crowded(path: Path) -> Path:
    """Write 65,535 empty entries, the most that a zip without zip64 can hold."""
    return raw_zip([RawEntry(b"a/%d.bmp" % n, b"") for n in range(OLD_MOST)], path)


def crowded_in_secret(path: Path) -> Path:
    """Write 65,535 empty entries, with a last record that says that there is one."""
    content = crowded(path).read_bytes()
    end = content.rindex(b"PK\5\6")
    path.write_bytes(content[: end + 8] + struct.pack("<2H", 1, 1) + content[end + 12 :])
    return path


def long_directory(path: Path) -> Path:
    """Write fewer entries than are allowed, with names so long that the directory has 31 MB."""
    return raw_zip([RawEntry(b"a/" + b"\xe9" * 60_000 + b"%d.bmp" % n, b"") for n in range(520)], path)


def long_names(path: Path) -> Path:
    """Write the most names that a directory may hold, of characters that need two bytes each, all at one offset."""
    return raw_zip([RawEntry(b"a/" + b"\xe9" * 190 + b"%d.bmp" % n, b"", at=0) for n in range(49_999)], path)


def quine(path: Path) -> Path:
    """Write a zip that holds itself: the entry's data begins at the file's first byte."""
    whole = len(raw_zip([*good(), RawEntry(b"cats/quine.zip", b"", packed=0)], path).read_bytes())
    return raw_zip([*good(), RawEntry(b"cats/quine.zip", b"", packed=whole, size=whole, at=0)], path)


def huge_claims(path: Path) -> Path:
    """Write entries that claim four gigabytes each."""
    return raw_zip([replace(zeros(1000), name=b"cats/%d.bmp" % n, size=0xFFFFFFFE) for n in range(100)], path)


def claims_of_zip64(path: Path) -> Path:
    """Write entries that claim exabytes, in zip64's field."""
    extra = field(1, struct.pack("<2Q", 2**63, 2**62))
    return raw_zip(
        [RawEntry(b"cats/%d.bmp" % n, b"x", size=2**32 - 1, packed=2**32 - 1, extra=extra) for n in range(9)], path
    )


def nested_as_photos(path: Path) -> Path:
    """Write zips in zips, five deep, under the names of photos: they are opened as photos only, and are none."""
    return zip_of({f"{name}/{n}.jpg": nested(3) for name in ("cats", "dogs") for n in range(12)}, path)


def accents(path: Path) -> Path:
    """Write names of 30,000 accents on one letter, which take quadratic time to sort."""
    heap = ("\u0315" * 15_000 + "\u0327" * 15_000).encode()
    return raw_zip([RawEntry(b"a/%d e" % n + heap + b".bmp", b"", flags=0x800) for n in range(60)], path)


def many_splits(path: Path) -> Path:
    """Write a thousand spellings of "validation", each of which might be a part of a split."""
    spellings = ["".join(letters) for letters in itertools.product(*zip("validation", "VALIDATION", strict=True))]
    names = [f"{word}/{n}/" for word in spellings for n in range(40)]
    return raw_zip([RawEntry(name.encode(), b"") for name in [*names, "test/a/a.jpg"]], path)


def just_below(path: Path) -> Path:
    """Write as much as the ratio allows, 45 times the zip's size, in files that are no photos."""
    padding = RawEntry(b"padding.bin", b"\0" * MEGABYTE)
    bombs = [
        replace(zeros(8 * MEGABYTE), name=b"%b/%d.bmp" % (name, n)) for name in (b"cats", b"dogs") for n in range(3)
    ]
    return raw_zip([*good(), padding, *bombs], path)


BOMBS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "flat": ("unsafe_zip", flat),
    "single": ("unsafe_zip", single),
    "overlapping": ("unsafe_zip", overlapping),
    "quoted": ("unsafe_zip", quoted),
    "crowded": ("too_large_zip", crowded),
    "crowded in secret": ("too_large_zip", crowded_in_secret),
    "long directory": ("too_large_zip", long_directory),
    "long names": ("unsafe_zip", long_names),
    "quine": ("unsafe_zip", quine),
    "huge claims": ("unsafe_zip", huge_claims),
    "accents": ("one_class", accents),
    "many splits": ("one_class", many_splits),
    "claims of zip64": ("too_large_zip", claims_of_zip64),
}
