"""A table of hostile zips with the verdict on each: two good classes, and one thing wrong."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np

from tests.unit.intake import lies
from tests.unit.intake.crafted import SIGNED, UNSIGNED, class_files, deflated, photo, raw_zip, two_classes
from tests.unit.intake.lies import (
    ALL,
    EXTRA_ZIP64,
    PHOTOS,
    Write,
    edited,
    ended,
    field,
    first,
    good,
    of_bytes,
    of_files,
    of_python,
    with_entry,
    zip64_end,
    zip64_sizes,
)

ACCEPTED = "accepted"


def _table(code: str, rows: Mapping[str, Write]) -> dict[str, tuple[str, Write]]:
    return {name: (code, write) for name, write in rows.items()}


def _names(names: Iterable[str]) -> dict[str, Write]:
    return {f"named {ascii(name)[:40]}": with_entry(name.encode(), flags=0x800) for name in names}


LEADS_OUT = (
    "../evil.jpg", "cats/../../evil.jpg", "..\\..\\evil.jpg", "cats/..", "..", "/etc/evil.jpg", "\\evil.jpg",
    "C:\\evil.jpg", "C:/evil.jpg", "c:\\..\\evil.jpg", "\\\\server\\share\\evil.jpg", "//server/share/evil.jpg",
    "\\\\?\\C:\\evil.jpg",
    "cats/evil.jpg\0.png", "cats\0/evil.jpg", "\0", "a/" * 100 + "evil.jpg", "cats/./../../evil.jpg",
)  # fmt: skip
HARMLESS = (
    "cats/...jpg", "cats/CON.jpg", "cats/nul", "cats/a:b.jpg", "cats/ .jpg", "cats/%2e%2e%2fevil.jpg", "cats/-rf.jpg",
    "cats/~root.jpg", "cats/$(id).jpg", "cats/\x01\x1b[31m.jpg", "cats/\u202egpj.exe.jpg", "cats/\ufeffa.jpg",
    "cats/👨‍👩‍👧.jpg",
    "cats/" + "x" * 60_000 + ".jpg", "", ".", "./", "cats//a.jpg", "./cats/./a.jpg", "cats\\a.jpg", "cats/a.jpg/",
)  # fmt: skip
OTHER_FILES = {
    "nothing": b"", "one byte": b"P", "PK": b"PK", "a text": b"cats and dogs", "zeros": b"\0" * 100_000,
    "noise": np.random.default_rng(5).bytes(100_000),
    "tar": b"cats/1.jpg".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0"),
    "rar4": b"Rar!\x1a\x07\x00" + b"x" * 99, "rar5": b"Rar!\x1a\x07\x01\x00" + b"x" * 99,
    "7z": b"7z\xbc\xaf\x27\x1c" + b"x" * 99,
    "gzip": b"\x1f\x8b\x08" + b"x" * 99, "bzip2": b"BZh91AY&SY" + b"x" * 99, "xz": b"\xfd7zXZ\0" + b"x" * 99,
    "zstd": b"\x28\xb5\x2f\xfd" + b"x" * 99, "cab": b"MSCF" + b"x" * 99, "pdf": b"%PDF-1.7\n" + b"x" * 99,
    "html": b"\n<!DOCTYPE html><html>sign in</html>", "jpeg": photo(1), "png": photo(1, "PNG"),
    "elf": b"\x7fELF" + b"x" * 99,
}  # fmt: skip
METHODS = (1, 2, 5, 6, 7, 9, 10, 12, 14, 16, 18, 19, 20, 93, 94, 95, 96, 97, 98, 99, 0xFFFF)
OFFICE = {"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>", "word/media/image1.png": photo(1, "PNG")}
SPECIAL = {
    "link": stat.S_IFLNK,
    "pipe": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
    "disk": stat.S_IFBLK,
    "tty": stat.S_IFCHR,
}
ZEROS = deflated(b"\0" * 1000)

HOSTILE: dict[str, tuple[str, Write]] = {
    **_table("not_a_zip", {name: of_bytes(data) for name, data in OTHER_FILES.items() if not data.startswith(b"PK")}),
    **_table("unsafe_zip", _names(LEADS_OUT)),
    **_table(ACCEPTED, _names(HARMLESS)),
    **_table("unsafe_zip", {f"a {kind}": with_entry(b"cats/a.jpg", mode=mode) for kind, mode in SPECIAL.items()}),
    **_table("unsupported_zip", {f"method {n}": with_entry(b"cats/a.jpg", method=n) for n in METHODS}),
    **_table(
        "encrypted_zip",
        {
            "ZipCrypto": lies.zipcrypto,
            "AES": lies.aes,
            "strongly locked": with_entry(b"cats/a.jpg", flags=0x41),
            "directory locked": with_entry(b"cats/a.jpg", flags=0x2000),
        },
    ),
    **_table(
        "unsupported_zip",
        {
            "by Python with bzip2": of_python(zipfile.ZIP_BZIP2),
            "by Python with LZMA": of_python(zipfile.ZIP_LZMA),
            "patch data": with_entry(b"cats/a.jpg", flags=0x20),
            "needs version 9.9": with_entry(b"cats/a.jpg", needed=99),
            "first of two disks": with_entry(b"cats/a.jpg", disk=1),
            "zip64 on two disks": zip64_end(disks=2),
        },
    ),
    **_table(
        "unsafe_zip",
        {
            "the same header twice": with_entry(b"cats/a.jpg", at=0, data=b""),
            "headers inside data": lies.quoted_headers,
        },
    ),
    **_table(
        "class_name_collision",
        {
            "case": of_files(class_files({"Cats": PHOTOS, "cATS": PHOTOS})),
            "sharp s": of_files(class_files({"strasse": PHOTOS, "straße": PHOTOS})),
            "composed and not": of_files(class_files({"café": PHOTOS, "cafe\u0301": PHOTOS})),
            "ligature": of_files(class_files({"ﬁsh": PHOTOS, "fish": PHOTOS})),
            "dots and spaces behind": of_files(class_files({"cats": PHOTOS, "cats. ": PHOTOS})),
            "control characters": of_files(class_files({"a\x01": PHOTOS, "a\x02": PHOTOS})),
        },
    ),
    **_table(
        ACCEPTED,
        {
            "descriptors": lambda path: raw_zip(good(), path, SIGNED),
            "descriptors without signature": lambda path: raw_zip(good(), path, UNSIGNED),
            "descriptors of zip64": lies.descriptors_of_zip64,
            "zip64 record": zip64_end(),
            "zip64 sizes": lambda path: raw_zip([*good(), zip64_sizes(photo(5), len(photo(5)), len(photo(5)))], path),
            "zip64 field without need": with_entry(b"cats/a.jpg", extra=field(EXTRA_ZIP64, b"\0" * 16)),
            "unknown extra field": with_entry(b"cats/a.jpg", extra=field(0xCAFE, b"x" * 50)),
            "padding as extra": with_entry(b"cats/a.jpg", extra=b"\0" * 3, local={"extra": b"\0" * 3}),
            "something before it": edited(lambda data: b"MZ program" * 999 + data),
            "a photo before it": edited(lambda data: photo(3) + data),
            "something behind it": edited(lambda data: data + b"\0" * 1000),
            "a long comment": lambda path: raw_zip(good(), path, comment=b"x" * 65_535),
            "comments of entries": with_entry(b"cats/a.jpg", comment=b"PK\5\6" * 500),
            "another name in front": first(local={"name": b"../evil"}),
            "another size in front": first(local={"size": 1, "packed": 1}),
            "another checksum in front": first(local={"crc": 1}),
            "another method in front": first(local={"method": 8}),
            "locked in front only": first(local={"flags": 1}),
            "wrong checksum": first(crc=1),
            "stored, but sizes differ": first(size=1),
            "stored, declared larger": first(size=15_000_000),
            "deflate that is none": first(method=8),
            "deflate, declared smaller": with_entry(b"cats/a.jpg", method=8, data=ZEROS, size=999),
            "deflate, declared larger": with_entry(b"cats/a.jpg", method=8, data=ZEROS, size=1001),
            "deflate, nothing inside": with_entry(b"cats/a.jpg", method=8, data=b"", size=10),
            "empty photo": with_entry(b"cats/a.jpg", data=b""),
            "folder with content": with_entry(b"cats/", data=b"x" * 99),
            "one name twice": with_entry(good()[0].name),
            "file and folder of one name": with_entry(b"cats"),
            "two zips, the last one counts": lies.two_directories,
            "flags that mean nothing": with_entry(b"cats/a.jpg", flags=0x9616),
            "a zip as a photo": of_files(two_classes(PHOTOS) | {"cats/a.jpg": lies.nested(1)}),
        },
    ),
    **_table(
        "damaged_zip",
        {
            "PK and no more": of_bytes(b"PK"),
            "zip64 field too short": with_entry(b"cats/a.jpg", size=ALL, extra=field(EXTRA_ZIP64, b"\0" * 4)),
            "zip64 field missing": with_entry(b"cats/a.jpg", at=ALL),
            "zip64 field that ends early": with_entry(b"cats/a.jpg", extra=struct.pack("<HH", EXTRA_ZIP64, 99) + b"x"),
            "zip64 record with another place": zip64_end(offset=2**62),
            "zip64 record, offset of no file": zip64_end(offset=2**64 - 1),
            "name that is no UTF-8": with_entry(b"cats/\xff\xfe.jpg", flags=0x800),
            "last record on disk 2 says less": ended(bytes=10),
            "directory said to start elsewhere": ended(offset=10**9),
            "packed size past the end": with_entry(b"cats/a.jpg", packed=30_000_000),
            "offset past the end": with_entry(b"cats/a.jpg", at=0xFFFFFF00),
            "offset of no header": with_entry(b"cats/a.jpg", at=7),
            "directory cut": edited(lambda data: data[:-60] + data[-22:]),
            "no last record": edited(lambda data: data[:-22]),
            "far behind it": edited(lambda data: data + b"\0" * 100_000),
            "a last record in the comment": lambda path: raw_zip(good(), path, comment=b"PK\5\6" + b"x" * 30),
        },
    ),
    **_table("unsafe_zip", {"16 EiB": lambda path: raw_zip([*good(), zip64_sizes(b"x", 2**64 - 1, 1)], path)}),
    **_table(
        "empty_zip",
        {"a last record": of_bytes(b"PK\5\6" + b"\0" * 18), "said to be empty": ended(bytes=0, count=0)},
    ),
    **_table("one_class", {"a text document": of_files(OFFICE)}),
    **_table("zip_in_zip", {"zips in zips": of_files({"cats/a.zip": lies.nested(4), "dogs/a.zip": lies.nested(4)})}),
}
