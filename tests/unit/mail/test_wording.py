"""Numbers and names in plain words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobs import wording


@pytest.mark.parametrize(
    ("share", "digits", "shown"),
    [
        (0.914, 0, "91 %"),
        (0.914, 1, "91.4 %"),
        (1.0, 0, "100 %"),
        (0.0, 0, "0 %"),
        (0.997, 0, "99.7 %"),  # not 100: it made a mistake
        (0.9997, 0, "99.97 %"),
        (0.002, 0, "0.2 %"),  # not 0: it was right once
        (0.999999, 0, "100 %"),  # nobody counts that far
        (0.00000123, 0, "0.000123 %"),
        (None, 1, "-"),
    ],
)
def test_percent(share: float | None, digits: int, shown: str) -> None:
    assert wording.percent(share, digits) == shown
    if digits == 0:
        assert wording.percent(share) == shown


@pytest.mark.parametrize(
    ("part", "number", "shown"),
    [(5, 8, "5 of 8"), (5, 29, "5 of 29"), (5, 30, "17 % of 30"), (910, 1000, "91 % of 1,000")],
)
def test_a_share_of_few_is_a_count(part: int, number: int, shown: str) -> None:
    assert wording.share_of(part, number) == shown


@pytest.mark.parametrize(
    ("bounds", "shown"),
    [((0.871, 0.942), "87-94 %"), ([0.8, 0.8], "80 %"), ((0.0, 1.0), "0-100 %"), (None, "-")],
)
def test_interval(bounds: tuple[float, float] | None, shown: str) -> None:
    assert wording.interval(bounds) == shown


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (0.04, "0.0 s"),
        (4.24, "4.2 s"),
        (9.94, "9.9 s"),
        (9.95, "10 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (95, "1 min 35 s"),
        (3599.7, "1 h"),
        (4000, "1 h 7 min"),
        (None, "-"),
    ],
)
def test_seconds(duration: float | None, shown: str) -> None:
    assert wording.seconds(duration) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1,023 bytes"), (1024, "1.0 KB"), (14_022_312, "13.4 MB"), (2**31, "2.0 GB"),
     (2**20, "1.0 MB"), (100 * 2**10, "100 KB"), (int(100.5 * 2**10), "100 KB"), (900 * 2**20, "900 MB"),
     (5 * 2**50, "5242880 GB"), (None, "-")],
)  # fmt: skip
def test_size(number: int | None, shown: str) -> None:
    assert wording.size(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.29, "0.290"),
        (0.001, "0.001"),
        (0.0008, "8e-4"),
        (0.0001, "1e-4"),
        (0.0, "0.000"),
        (12.5, "12.500"),
        (None, "-"),
    ],
)
def test_decimals(number: float | None, shown: str) -> None:
    assert wording.decimals(number) == shown


@pytest.mark.parametrize(
    ("number", "digits", "shown"),
    [
        (38.25, 1, "38.2"),
        (0.1, 1, "0.1"),
        (0.0897, 1, "0.09"),
        (0.00007, 1, "0.00007"),
        (0.0044, 2, "0.004"),
        (0.0, 2, "0.00"),
        (None, 1, "-"),
    ],
)
def test_a_plain_figure_needs_no_exponent(number: float | None, digits: int, shown: str) -> None:
    assert wording.plain(number, digits) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.00031622776, "0.000316"), (1e-5, "1e-05"), (64, "64"), (True, "yes"), (False, "no"), ("block 7", "block 7")],
)
def test_settings(value: object, shown: str) -> None:
    assert wording.setting(value) == shown


def test_counts() -> None:
    assert wording.count(3_420_710) == "3,420,710"
    assert wording.count(None) == "-"
    assert wording.millions(3_420_710) == "3.4 M"
    assert wording.millions(50_000) == "0.1 M"
    assert wording.millions(None) == "-"
    assert wording.plural(1, "photo") == "1 photo"
    assert wording.plural(2, "photo") == "2 photos"
    assert wording.plural(1200, "class", "classes") == "1,200 classes"


def test_a_metric_is_two_words() -> None:
    assert wording.metric("mean_precision") == "mean precision"


def test_moments_name_the_month() -> None:
    moment = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    assert wording.day(moment) == "4 March 2026"
    assert wording.minute("2026-03-04T05:06:07Z") == "4 March 2026, 05:06 UTC"
    assert wording.day(None) == wording.minute(None) == "-"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("paper", "paper"),
        ("玻璃 café", "玻璃 café"),
        ("  ", "(no name)"),
        ("pho\u202egpj.exe", "phogpj.exe"),
        ("a\r\nBcc: b", "a  Bcc: b"),
        ("a\u2028b", "a b"),
        ("\x00\x1b[31m", "[31m"),
        ("half \udc80", "half \ufffd"),
        ("http://evil.example", "http: //evil.example"),
        ("x" * 48, "x" * 48),
        ("x" * 49, "x" * 30 + "..." + "x" * 15),
        ("x" * 100, "x" * 30 + "..." + "x" * 15),
    ],
)
def test_names_of_strangers(given: str, shown: str) -> None:
    assert wording.name(given) == shown


def test_a_name_as_code_ends_neither_its_code_nor_its_cell() -> None:
    assert wording.literal(" a`b|c ") == "`a'b/c`"


def test_both_ends_of_a_long_name_stay() -> None:
    shown = wording.shortened("holiday-in-the-mountains-2024-IMG_0001.jpg", 20)
    assert shown == "holiday-in-t...1.jpg"
    assert len(shown) == 20


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (0, "less than a minute"), (29, "less than a minute"), (31, "about 1 minute"), (95, "about 2 minutes"),
        (3500, "about 58 minutes"), (3600, "about 1 h"), (4100, "about 1 h 10 min"), (7150, "about 2 h"),
    ],
)  # fmt: skip
def test_an_estimate_is_as_coarse_as_it_is(duration: float, shown: str) -> None:
    assert wording.about(duration) == shown


def test_a_score_is_a_share_unless_its_metric_is_an_error() -> None:
    assert wording.score(0.914, "accuracy") == wording.score(0.914, "mean_precision") == "91.4 %"
    assert (wording.score(1.3396, "count_error"), wording.score(1.9426, "count_rmse")) == ("1.34", "1.94")
    assert wording.score(None, "count_error") == wording.score(None, "accuracy") == "-"
