"""Uploads that are refused before a single byte is unpacked, each with its code."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.intake.crafted import (
    RawEntry,
    class_files,
    folder_of,
    raw_files,
    raw_zip,
    two_classes,
    zip_of,
)
from vm_worker.intake.archives import refusal
from vm_worker.tasks.uploads import survey

LIMITS = Limits()


def _bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _files(files: dict[str, bytes]) -> Callable[[Path], object]:
    return lambda path: zip_of(files, path)


def _with(name: str, **lies: object) -> Callable[[Path], object]:
    """Return a function that writes two good classes and an entry with false fields."""
    entry = replace(RawEntry(name.encode(), b"x"), **lies)  # type: ignore[arg-type]
    return lambda path: raw_zip([*raw_files(two_classes()), entry], path)


def _changed(start: int, data: bytes) -> Callable[[Path], object]:
    """Return a function that writes a good zip with some bytes overwritten."""

    def write(path: Path) -> None:
        zip_of(two_classes(), path)
        content = bytearray(path.read_bytes())
        content[start : start + len(data)] = data
        path.write_bytes(content)

    return write


def _cut(path: Path) -> None:
    zip_of(two_classes(), path)
    path.write_bytes(path.read_bytes()[:-30])


ONE_BAD_NAME = "evil.jpg"

REFUSED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no bytes": ("not_a_zip", _bytes(b"")),
    "a text": ("not_a_zip", _bytes(b"cats and dogs")),
    "a RAR": ("not_a_zip", _bytes(b"Rar!\x1a\x07\x00")),
    "cut off": ("damaged_zip", _cut),
    "only the first bytes": ("damaged_zip", _bytes(b"PK\3\4")),
    "directory that starts before the file": ("damaged_zip", _bytes(b"PK\5\6" + b"\0" * 8 + b"\xff" * 4 + b"\0" * 6)),
    "first local header overwritten": ("damaged_zip", _changed(0, b"XXXX")),
    "no entries": ("empty_zip", _files({})),
    "only folders": ("empty_zip", _files({"cats/": b"", "dogs/": b""})),
    "only litter": ("empty_zip", _files({"__MACOSX/cats/._1.jpg": b"x", ".DS_Store": b"x", "cats/Thumbs.db": b"x"})),
    "locked entry": ("encrypted_zip", _with("cats/locked.jpg", flags=1)),
    "strongly locked entry": ("encrypted_zip", _with("cats/locked.jpg", flags=0x40)),
    "LZMA": ("unsupported_zip", lambda path: zip_of(two_classes(), path, zipfile.ZIP_LZMA)),
    "bzip2": ("unsupported_zip", lambda path: zip_of(two_classes(), path, zipfile.ZIP_BZIP2)),
    "unknown method": ("unsupported_zip", _with("cats/a.jpg", method=99)),
    "link": ("unsafe_zip", _with("cats/a.jpg", mode=stat.S_IFLNK | 0o777)),
    "leads out": ("unsafe_zip", _with(f"cats/../../{ONE_BAD_NAME}")),
    "leads out by backslashes": ("unsafe_zip", _with(f"..\\..\\{ONE_BAD_NAME}")),
    "absolute": ("unsafe_zip", _with(f"/etc/{ONE_BAD_NAME}")),
    "drive": ("unsafe_zip", _with(f"C:\\{ONE_BAD_NAME}")),
    "null byte": ("unsafe_zip", _with(f"cats/{ONE_BAD_NAME}\0.png")),
    "too deep": ("unsafe_zip", _with("a/" * 100 + ONE_BAD_NAME)),
    "entry declared too large": ("too_large_zip", _with("cats/a.jpg", size=50_000_001, packed=50_000_001)),
    "entry packed too large": ("damaged_zip", _with("cats/a.jpg", packed=40_000_000, method=8)),
    "offset past the end": ("damaged_zip", _with("cats/a.jpg", at=0xFFFFFF00)),
    "offset of no header": ("damaged_zip", _with("cats/a.jpg", at=7)),
    "the same header twice": ("unsafe_zip", _with("cats/a.jpg", at=0)),
    "no folders": ("no_class_folders", _files({f"{n}.jpg": b"x" for n in range(30)})),
    "no photos": ("no_images", _files({"cats/a.txt": b"x", "dogs/b.txt": b"x"})),
    "one class": ("one_class", _files(class_files({"cats": 20}))),
    "one class in a wrapper": ("one_class", _files(class_files({"cats": 20}, prefix="data/"))),
    "too many classes": ("too_many_classes", _files({f"{n}/a.jpg": b"x" for n in range(201)})),
    "small class": ("class_too_small", _files(class_files({"cats": 12, "dogs": 9}))),
    "classes differ by case": ("class_name_collision", _files(class_files({"Cats": 12, "cats": 12}))),
    "classes differ by Unicode form": (
        "class_name_collision",
        _files(class_files({"caf\u00e9": 12, "cafe\u0301": 12})),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_its_code(case: str, tmp_path: Path) -> None:
    code, write = REFUSED[case]
    path = tmp_path / "upload.zip"
    write(path)
    with pytest.raises(UserError) as caught:
        survey(path, LIMITS)
    assert caught.value.code == code
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("case", [case for case, (_, write) in REFUSED.items() if "leads" in case or case == "link"])
def test_names_the_entry_at_fault(case: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.zip"
    REFUSED[case][1](path)
    with pytest.raises(UserError) as caught:
        survey(path, LIMITS)
    assert caught.value.file
    assert caught.value.file in caught.value.message


def test_zip_over_the_limit_of_bytes(tmp_path: Path) -> None:
    path = zip_of(two_classes(), tmp_path / "a.zip")
    with pytest.raises(UserError, match="MiB are allowed") as caught:
        survey(path, replace(LIMITS, zip_bytes=1000))
    assert caught.value.code == "too_large_zip"


def test_total_over_the_limit(tmp_path: Path) -> None:
    path = zip_of(two_classes(), tmp_path / "a.zip")
    with pytest.raises(UserError, match="unpacks to more than") as caught:
        survey(path, replace(LIMITS, zip_total_bytes=1000))
    assert caught.value.code == "too_large_zip"


def test_entry_count_from_the_directory(tmp_path: Path) -> None:
    path = zip_of(two_classes(12), tmp_path / "a.zip")
    with pytest.raises(UserError, match="more than 23 files"):
        survey(path, replace(LIMITS, zip_entries=23))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotImplementedError("zip file version 9.9"), "unsupported_zip"),
        (RuntimeError("File 'a' is encrypted, password required for extraction"), "encrypted_zip"),
        (zlib.error("invalid"), "damaged_zip"),
        (struct.error("unpack"), "damaged_zip"),
        (EOFError(), "damaged_zip"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "damaged_zip"),
        (UserError("unsafe_zip", "A link."), "unsafe_zip"),
    ],
)
def test_one_function_maps_every_failure(error: Exception, code: str) -> None:
    assert refusal(error, b"PK\3\4", False).code == code


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"\x1f\x8b", "gzip"), (b"7z\xbc\xaf", "7z"), (b"%PDF", "a PDF"), (b"cats", "something else")],
)
def test_says_what_the_file_is_instead(head: bytes, kind: str) -> None:
    assert kind in refusal(zipfile.BadZipFile(), head, False).message


FOLDER_LIMITS = [
    ({"zip_entries": 20}, "more than 20 files"),
    ({"zip_total_bytes": 100}, "holds more than"),
    ({"entry_bytes": 100}, "is larger than"),
]


@pytest.mark.parametrize(("limits", "says"), FOLDER_LIMITS)
def test_folders_have_the_same_limits(limits: dict[str, int], says: str, tmp_path: Path) -> None:
    folder = folder_of(two_classes(), tmp_path)
    with pytest.raises(UserError, match=says) as caught:
        survey(folder, replace(LIMITS, **limits))
    assert caught.value.code == "too_large_zip"


def test_folder_that_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        survey(tmp_path / "nothing.zip", LIMITS)
