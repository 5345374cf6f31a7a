"""Untrusted names: how they are shown, which are taken for one, and which name photos or litter."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vm_worker.intake.names import (
    claims_photo,
    clean,
    collision_key,
    counted,
    is_litter,
    is_photo,
    listed,
    may_be_photo,
    shown,
    smallest,
    suffix,
)

ACCENT = "\u0301"
LETTERS = "abcdefgh"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cats/1.jpg", "cats/1.jpg"),
        ("cafe" + ACCENT, "café"),
        ("a\x00\x1f \x7f\x80\x9fb", "a\ufffd\ufffd \ufffd\ufffd\ufffdb"),
        ("\u061c\u200e\u200f\u2028\u202e\u2066\u2069\ufeff", "\ufffd" * 8),
        ("a\ud800\udfffb", "a\ufffd\ufffdb"),
        ("\xa0\u2010\u2030\u206a~!", "\xa0\u2010\u2030\u206a~!"),
    ],
)
def test_what_cannot_be_seen_is_marked(name: str, expected: str) -> None:
    assert clean(name) == expected


@settings(max_examples=60)
@given(st.text(st.sampled_from("aé/猫\u0301\u0316\x00\x85\u202e\ud800\ufeff\u1e0b\u0323\u212b")))
def test_a_clean_name_is_clean(name: str) -> None:
    once = clean(name)
    assert unicodedata.is_normalized("NFC", once)
    assert clean(once) == once
    assert not any(unicodedata.category(one) in ("Cc", "Cs") for one in once)


@pytest.mark.parametrize("marks", [30, 31, 60])
def test_a_letter_keeps_thirty_marks(marks: int) -> None:
    for between in ("", "é", "b"):
        name = ("x" + "\u0316" * marks) + between + "y" + "\u0316" * marks
        kept = "x" + "\u0316" * min(marks, 30) + between + "y" + "\u0316" * min(marks, 30)
        assert clean(name) == kept
    assert clean("a漢" + "\u0316" * marks) == "a漢" + "\u0316" * min(marks, 30)
    assert clean("漢字" * 40 + "x" + "\u0316" * marks) == "漢字" * 40 + "x" + "\u0316" * min(marks, 30)


def test_thousands_of_marks_take_no_time() -> None:
    began = time.process_time()
    assert len(clean("x" + "\u0316\u0301" * 20_000)) == 31
    assert time.process_time() - began < 1


@pytest.mark.parametrize("length", [79, 80])
def test_a_name_is_told_in_full(length: int) -> None:
    assert shown("x" * length) == f'"{"x" * length}"'


@pytest.mark.parametrize("length", [81, 500])
def test_the_middle_of_a_long_name_is_cut_and_not_the_file_in_a_long_folder(length: int) -> None:
    told = shown("x" * (length - 9) + "/last.jpg")
    assert told == f'"{"x" * 52}...{"x" * 16}/last.jpg"'
    assert len(told) == 80 + len('""')


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, ""), (1, '"a"'), (2, '"a", "b"'), (5, '"a", "b", "c", "d", "e"'), (6, '"a", "b", "c", "d", "e" and 1 more')],
)
def test_five_names_are_listed(count: int, expected: str) -> None:
    assert listed(LETTERS[:count]) == expected


def test_so_many_names_are_listed_as_are_asked_for() -> None:
    assert listed(iter(LETTERS), 2) == '"a", "b" and 6 more'


def test_the_smallest_classes_are_told_first() -> None:
    counts = {name: number for number, name in enumerate(reversed(LETTERS))}
    five = '"h" has 0, "g" has 1, "f" has 2, "e" has 3, "d" has 4'
    assert smallest(counts) == f"{five} and 3 more"
    assert smallest(dict(list(counts.items())[:5])) == five
    assert smallest({"b": 3, "a": 3}, 1) == '"a" has 3 and 1 more'


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 photos"), (1, "1 photo"), (2, "2 photos"), (12345, "12,345 photos")]
)
def test_a_number_has_its_noun(count: int, expected: str) -> None:
    assert counted(count, "photo") == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Cats", "cATS", True),
        ("straße", "STRASSE", True),
        ("café", "cafe" + ACCENT, True),
        ("ﬁsh", "fish", True),
        ("cats", " cats. ", True),
        ("a\x01", "a\x02", True),
        ("cats", "cat s", False),
        ("cats", "dogs", False),
    ],
)
def test_names_that_systems_take_for_one(one: str, other: str, same: bool) -> None:
    assert (collision_key(one) == collision_key(other)) is same


@pytest.mark.parametrize(
    ("path", "litter"),
    [
        ("__MACOSX/cats/1.jpg", True), ("cats/.DS_Store", True), (".git/a", True), ("cats/Thumbs.db", True),
        ("Desktop.INI", True), ("cats/Icon\r", True), ("@eaDir/a.jpg", True), ("$RECYCLE.BIN/a.jpg", True),
        ("ehthumbs.db", True), ("cats/1.jpg", False), ("a.b/c", False), ("Icon", False),
    ],
)  # fmt: skip
def test_litter_of_systems_is_known(path: str, litter: bool) -> None:
    assert is_litter(path.split("/")) is litter


@pytest.mark.parametrize(
    ("name", "ending", "claims", "may"),
    [
        ("a.JPG", "jpg", True, True),
        ("a.b.heic", "heic", True, True),
        ("a.NEF", "nef", True, True),  # of a format that is not read: a broken photo
        ("a.tif", "tif", True, True),
        ("a.txt", "txt", False, False),
        ("a", "", False, True),
        (".jpg", "", False, True),
        ("a.", "", False, True),
        ("", "", False, True),
    ],
)
def test_a_suffix_tells_what_a_file_may_be(name: str, ending: str, claims: bool, may: bool) -> None:
    assert suffix(name) == ending
    assert claims_photo(name) is claims
    assert may_be_photo(name) is may


def test_the_head_of_a_file_is_read_only_where_its_name_does_not_tell() -> None:
    asked: list[int] = []

    def head(size: int) -> bytes:
        asked.append(size)
        return b"\xff\xd8\xff\xe0"

    assert is_photo("a.jpg", head) and asked == []
    assert is_photo("a.php", head) and asked == [32]
    assert not is_photo("a.php", lambda size: b"<?php")
