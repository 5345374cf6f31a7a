"""How likely the characters are that a code page makes of a name: by their place in the character set, one by one."""

from __future__ import annotations

import pytest

from vm_worker.intake.files.code_pages import _score, candidates, read

BESIDE = 0.6  # the factor right beside an ASCII letter
# Code page, text, and the likelihood of each byte of it that is not ASCII, on the average.
LIKELIHOODS = [
    ("cp949", "고양이", 1.0),
    ("cp949", "가", 1.0),  # the first of the set
    ("cp949", "갉", 0.3),  # a syllable that is seldom seen
    ("cp949", "힝", 0.3),  # the last of the set
    ("cp949", "고a", BESIDE),
    ("cp949", "a갉", 0.3 * BESIDE),
    ("cp949", "가고a", (1 + BESIDE) / 2),
    ("cp949", "a고가", (BESIDE + 1) / 2),
    ("cp949", "★", 0.1),
    ("cp949", "伽", 0.1),
    ("cp949", b"\xb0\x41", 0.1),  # of the extension, where the first byte is that of a syllable
    ("cp932", "ｱ", 0.05),
    ("cp932", "ぁ", 1.0),
    ("cp932", "ヶ", 1.0),
    ("cp932", "ー", 1.0),
    ("cp932", "あa", 1.0),
    ("cp932", "\u0391", 0.1),
    ("cp932", "、", 0.1),
    ("cp932", "亜", 0.9),  # the first of the first level
    ("cp932", "腕", 0.9),  # its last
    ("cp932", "弌", 0.3),  # the first of the second
    ("cp932", "熙", 0.3),  # its last
    ("cp932", "纊", 0.1),
    ("cp932", "猫", 1.0),
    ("cp932", "亜a", 0.9 * BESIDE),
    ("gbk", "啊", 0.7),
    ("gbk", b"\xc8\xa1", 0.7),
    ("gbk", b"\xc9\xa1", 0.9),
    ("gbk", b"\xd7\xa1", 0.9),
    ("gbk", b"\xd8\xa1", 0.3),
    ("gbk", b"\xf7\xa1", 0.3),
    ("gbk", b"\xb0\xa0", 0.1),
    ("gbk", b"\x81\x40", 0.1),
    ("gbk", "☆", 0.1),
    ("gbk", "猫", 1.0),
    ("gbk", "a啊", 0.7 * BESIDE),
    ("big5", "一", 1.0),
    ("big5", b"\xa4\x41", 0.9),
    ("big5", b"\xb0\xa1", 0.7),
    ("big5", b"\xaf\xa1", 0.9),
    ("big5", b"\xb0\x40", 0.9),
    ("big5", b"\xc6\x7e", 0.9),
    ("big5", b"\xc9\x40", 0.3),
    ("big5", b"\xf9\xd5", 0.3),
    ("big5", "\u0391", 0.1),
    ("big5", "乂a", 0.3 * BESIDE),
    ("cp866", "кошки", 0.9),
    ("cp866", "КОШКИ", 0.9),
    ("cp866", "Кошки", 0.9),
    ("cp866", "кОшки", 0.1),
    ("cp866", "кz", 0.1),
    ("cp866", "░", 0.1),
    ("cp437", "é", 0.3),
    ("cp437", "café", 0.9),
    ("cp437", "caFé", 0.1),
    ("cp437", "¥", 0.1),
    ("cp437", "c\u03b1", 0.1),
    ("cp850", "maçã", 0.9),
    ("utf-8", "é", 0.3),
    ("utf-8", "éè", 0.3),
    ("utf-8", "\u0250\u0250", 1.0),  # the first letter beyond those of Latin alphabets
    ("utf-8", "éa", 1.0),
    ("utf-8", "д", 0.3),
    ("utf-8", "дом", 1.0),
    ("utf-8", "猫", 1.0),
    ("utf-8", "★", 0.1),
    ("utf-8", "\U0001f600", 1.0),  # an emoji
    ("utf-8", "e\u0301", 1.0),  # a letter and its accent
    ("utf-8", b"\xff", 0.0),  # no text at all
]


@pytest.mark.parametrize(("code_page", "text", "likelihood"), LIKELIHOODS)
def test_how_likely_a_text_is(code_page: str, text: str | bytes, likelihood: float) -> None:
    raw = text if isinstance(text, bytes) else text.encode(code_page)
    assert _score(raw, code_page) == pytest.approx(likelihood * sum(byte > 0x7F for byte in raw))


def test_valid_utf_8_is_no_accident_from_nine_bytes_on() -> None:
    assert len(candidates(["дддд".encode()])) == 8  # every code page is a candidate
    assert len(candidates(["дддд\x7f".encode()])) == 8  # a control character is no foreign one
    assert candidates(["ддд猫".encode()]) == ("utf-8",)


def test_the_names_of_an_archive_count_together() -> None:
    assert candidates(["猫".encode("gbk"), "牛".encode("gbk")])[0] == "gbk"
    assert candidates([b"plain"])[0] == "utf-8"  # where nothing is foreign, all are equal


def test_a_word_counts_once_however_many_files_have_it() -> None:
    again = ["кошка/1.jpg".encode("cp866")] * 10_000
    assert candidates([*again, *(name.encode("cp932") for name in ("表紙", "ソファ", "機能", "能面"))])[0] == "cp932"


def test_a_name_is_read_by_the_first_candidate_that_can() -> None:
    assert read("苹果".encode("gbk"), ("utf-8", "gbk", "cp866")) == ("苹果", "gbk")
    assert read("猫".encode("gbk"), ("cp866", "gbk")) == ("猫".encode("gbk").decode("cp866"), "cp866")
    assert read(b"\x81\xff", ("utf-8", "gbk")) == ("ü\xa0", "cp437")  # which has every byte
