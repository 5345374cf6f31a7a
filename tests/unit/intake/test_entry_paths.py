"""The names in zips: in every encoding, with either separator, in the code pages of many countries."""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.limits import Limits
from tests.unit.intake.crafted import RawEntry, class_files, raw_files, raw_zip, two_classes
from vm_worker.intake.files.code_pages import candidates
from vm_worker.intake.files.entry_paths import paths_of, safe_parts
from vm_worker.intake.names import clean, shown
from vm_worker.tasks.uploads import survey

LIMITS = Limits()
UTF8 = 0x800


NAMES = [
    ("café", "utf-8", UTF8, "café"),  # 7-Zip, Explorer of today
    ("café", "utf-8", 0, "café"),  # macOS: UTF-8 without the flag
    ("café", "cp437", 0, "café"),  # Explorer of yesterday
    ("cafe\u0301", "utf-8", 0, "café"),  # macOS decomposes
    ("猫", "utf-8", UTF8, "猫"),
    ("a\u202eb", "utf-8", UTF8, "a\ufffdb"),  # would turn the line around
    ("a\x07b", "utf-8", 0, "a\ufffdb"),
    ("שלום", "utf-8", UTF8, "שלום"),  # right to left by nature
    ("рыба", "utf-8", 0, "рыба"),  # macOS
    ("猫", "utf-8", 0, "猫"),
    ("<b>$$=1+1", "utf-8", 0, "<b>$$=1+1"),
    ("x" * 10_000, "utf-8", 0, "x" * 10_000),
]


@pytest.mark.parametrize(("name", "encoding", "flags", "expected"), NAMES)
def test_names_in_every_encoding(name: str, encoding: str, flags: int, expected: str, tmp_path: Path) -> None:
    files = class_files({name: 10, "other": 10})
    found = survey(raw_zip(raw_files(files, flags, encoding), tmp_path / "a.zip"), LIMITS)
    assert set(found.strata) == {expected, "other"}
    assert all(unicodedata.is_normalized("NFC", photo.name) for photo in found.photos)


def test_unicode_path_field_of_info_zip(tmp_path: Path) -> None:
    def entry(name: str, data: bytes) -> RawEntry:
        raw = name.encode("cp850")
        field = struct.pack("<BL", 1, zlib.crc32(raw)) + name.encode()
        other = struct.pack("<HHL", 0x5455, 4, 0)
        return RawEntry(raw, data, extra=other + struct.pack("<HH", 0x7075, len(field)) + field)

    files = class_files({"Ãpfel": 10, "Birnen": 10})
    found = survey(raw_zip([entry(*item) for item in files.items()], tmp_path / "a.zip"), LIMITS)
    assert found.strata == ("Birnen", "Ãpfel")


def _field(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


RAW = "caf\u2592"  # as zipfile reads it
GIVEN = struct.pack("<BL", 1, zlib.crc32(RAW.encode("cp437"))) + "猫".encode()
FIELDS = {
    "of this name": (_field(0x7075, GIVEN), "猫"),
    "behind another": (_field(0x5455, b"time") + _field(0x7075, GIVEN), "猫"),
    "behind an empty one": (_field(0x5455, b"") + _field(0x7075, GIVEN) + b"\0\0\0", "猫"),
    "before another": (_field(0x7075, GIVEN) + _field(0x7075, GIVEN + b"!"), "猫"),
    "of another name": (_field(0x7075, struct.pack("<BL", 1, 0) + b"evil"), RAW),
    "of another kind": (_field(0x7076, GIVEN), RAW),
    "of another version": (_field(0x7075, b"\2" + GIVEN[1:]), RAW),
    "no UTF-8": (_field(0x7075, GIVEN[:-1]), RAW),
    "cut off": (_field(0x7075, GIVEN)[:6], RAW),
    "no room for a field": (b"up\0", RAW),
    "nothing": (b"", RAW),
}


@pytest.mark.parametrize("case", FIELDS)
def test_a_unicode_path_field_counts_for_its_name_alone(case: str) -> None:
    info = zipfile.ZipInfo(RAW)
    info.extra, expected = FIELDS[case]
    found = paths_of([info])[0]
    assert found.text == expected
    assert bool(found.code_page) is (expected == RAW)  # guessed


@pytest.mark.parametrize(
    ("path", "parts"), [("cats/1.jpg", ("cats", "1.jpg")), ("./cats//./1.jpg/", ("cats", "1.jpg"))]
)
def test_a_path_has_its_parts(path: str, parts: tuple[str, ...]) -> None:
    assert safe_parts(path) == parts
    assert safe_parts("a/" * 64 + "b") == ("a",) * 64 + ("b",)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("cats/1\0.jpg", "has a null byte in its name"),
        ("/cats/1.jpg", "has an absolute path"),
        ("\\cats\\1.jpg", "has an absolute path"),
        ("C:/1.jpg", "has an absolute path"),
        ("c:", "has an absolute path"),
        ("a/" * 65 + "b", "lies more than 64 folders deep"),
        ("cats/../../1.jpg", "leads out of its folder"),
        ("cats\\..\\1.jpg", "leads out of its folder"),
    ],
)
def test_an_unsafe_path_is_told(path: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        safe_parts(path)
    assert (caught.value.code, caught.value.message) == ("unsafe_zip", f"The entry {shown(path)} {says}.")
    assert caught.value.file == clean(path)[:80]


def test_backslashes_are_separators(tmp_path: Path) -> None:
    files = {name.replace("/", "\\"): data for name, data in two_classes().items()} | {"birds\\": b""}
    found = survey(raw_zip(raw_files(files), tmp_path / "a.zip"), LIMITS)
    assert found.strata == ("cats", "dogs")
    assert "birds" in found.warnings[0]


def test_a_backslash_is_part_of_a_name_where_others_have_slashes(tmp_path: Path) -> None:
    files = class_files({"cats": 12, "d\\ogs": 12})
    assert survey(raw_zip(raw_files(files), tmp_path / "a.zip"), LIMITS).strata == ("cats", "d\\ogs")


# Two classes each, as the systems of their countries write them.
CODE_PAGES = [
    (("ソファ", "表紙", "能面", "機能"), "cp932", "Shift-JIS"),  # the second byte of ソ 表 能 is a backslash
    (("猫", "犬"), "cp932", "Shift-JIS"),
    (("良品", "不良品"), "cp932", "Shift-JIS"),
    (("功能", "許可"), "big5", "Big5"),  # so is that of 功 許
    (("貓", "狗"), "big5", "Big5"),
    (("猫", "牛"), "gbk", "GBK"),  # valid UTF-8 by accident: è, ţ
    (("猫", "狗"), "gbk", "GBK"),
    (("苹果", "香蕉"), "gbk", "GBK"),
    (("合格", "不合格"), "gbk", "GBK"),
    (("고양이", "개"), "cp949", "EUC-KR"),
    (("정상", "불량"), "cp949", "EUC-KR"),
    (("кошки", "собаки"), "cp866", "cp866"),
    (("Годен", "БРАК"), "cp866", "cp866"),
    (("café", "thé"), "cp437", "cp437"),
    (("Äpfel", "Birnen"), "cp437", "cp437"),
    (("Ærø", "blåbær"), "cp850", "cp850"),
    (("maçã", "pão"), "cp850", "cp850"),
]


@pytest.mark.parametrize(("names", "code_page", "title"), CODE_PAGES)
@pytest.mark.parametrize("separator", ["/", "\\"])
def test_a_code_page_is_guessed_over_all_names(
    names: tuple[str, ...], code_page: str, title: str, separator: str, tmp_path: Path
) -> None:
    files = class_files(dict.fromkeys(names, 10))
    entries = [RawEntry(name.replace("/", separator).encode(code_page), data) for name, data in files.items()]
    found = survey(raw_zip(entries, tmp_path / "a.zip"), LIMITS)
    assert set(found.strata) == set(names)
    assert [title in warning for warning in found.warnings] == [True]


def test_names_that_say_how_they_are_written_are_not_guessed(tmp_path: Path) -> None:
    entries = [*raw_files(class_files({"猫": 10}), UTF8), *raw_files(class_files({"犬": 10}), 0, "cp932")]
    found = survey(raw_zip(entries, tmp_path / "a.zip"), LIMITS)
    assert set(found.strata) == {"猫", "犬"}


def test_a_name_that_the_code_page_of_most_cannot_read_is_kept(tmp_path: Path) -> None:
    odd = RawEntry(b"cats/\x82\xff.jpg", b"x")
    files = class_files({"表紙": 10, "ソファ": 10, "cats": 10})
    found = survey(raw_zip([*raw_files(files, 0, "cp932"), odd], tmp_path / "a.zip"), LIMITS)
    assert set(found.strata) == {"表紙", "ソファ", "cats"}
    assert len(found.photos) == 31
    assert "Shift-JIS" in found.warnings[0]


def test_letters_as_classes_are_utf8_where_there_are_many() -> None:
    assert candidates([f"{letter}/1.png".encode() for letter in "абвгдежз"])[0] == "utf-8"
    assert candidates([f"{letter}/1.png".encode() for letter in "éèàçùâêî"])[0] == "utf-8"


def test_a_long_archive_is_guessed_by_its_first_names() -> None:
    names = [f"кошка {number} {'я' * (number % 50)}".encode("cp866") for number in range(5_000)]
    assert candidates(names)[0] == "cp866"


def test_no_more_names_are_looked_at_than_a_guess_needs() -> None:
    asked = 0

    def names() -> Iterator[bytes]:
        nonlocal asked
        for asked in range(2_000):
            letters = "".join(chr(ord("A") + (asked >> place) % 32) for place in (0, 5, 10))
            yield letters.encode() + "é".encode("cp437") + b"x" * 46

    candidates(names())
    assert 300 < asked < 500  # fifty bytes each
