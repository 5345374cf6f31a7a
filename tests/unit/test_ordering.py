"""The order of the test files, and the last line of the log of `make test`."""

from __future__ import annotations

import re
import tomllib

from tests.ordering import (
    CHILDREN,
    FAST,
    LONGEST,
    NEVER_FAST,
    WITHOUT_COVERAGE,
    in_order,
    left_alone,
    rank,
    skipped_line,
)
from tests.sources import ROOT


def test_the_files_that_are_named_are_there() -> None:
    assert [file for file in (*CHILDREN, *LONGEST, *WITHOUT_COVERAGE) if not (ROOT / file).exists()] == []


def test_no_file_with_a_floor_of_coverage_is_left_out_of_its_report() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    left_out = settings["tool"]["coverage"]["run"]["omit"]
    floor = re.findall(r"^COVERED := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert floor and not [one for one in left_out if one in ",".join(floor)]


def test_no_fast_test_is_in_a_folder_that_is_left_alone() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["pytest"]["ini_options"]["addopts"][-1] == FAST
    files = {folder: list((ROOT / folder).rglob("test_*.py")) for folder in NEVER_FAST}
    assert all(files.values())
    marked = re.compile(r"^pytestmark = \[?pytest\.mark\.(slow|faults)\b", re.M)
    assert [file for one in files.values() for file in one if not marked.search(file.read_text("utf-8"))] == []
    assert left_alone(NEVER_FAST[0], FAST) and not left_alone("tests/unit", FAST)
    assert not left_alone(NEVER_FAST[0], "slow")


def test_the_longest_file_goes_first_and_the_others_keep_their_order() -> None:
    nodes = ["tests/a.py::one", f"{LONGEST[1]}::two", "tests/b.py::three", f"{LONGEST[0]}::four[x]"]
    assert sorted(nodes, key=rank) == [nodes[3], nodes[1], nodes[0], nodes[2]]


def test_another_order_can_be_asked_for() -> None:
    orders = {}
    for order in ("", "reversed", "1", "2"):
        nodes = [*map(str, range(20)), LONGEST[0]]
        in_order(nodes, order, str)
        orders[order] = nodes
    assert orders[""] == [LONGEST[0], *map(str, range(20))]
    assert orders["reversed"] == [LONGEST[0], *map(str, reversed(range(20)))]
    assert len({tuple(nodes) for nodes in orders.values()}) == 4
    assert len({frozenset(nodes) for nodes in orders.values()}) == 1


def test_skipped_tests_are_told_by_reason() -> None:
    assert skipped_line([]) == "Skipped: 0"
    reasons = ["Skipped: vgg16: no weights", "Skipped: no Chromium", "Skipped: mobilenet: no weights"]
    assert skipped_line(reasons) == "Skipped: 3 (2 no weights; 1 no Chromium)"


def test_the_log_of_the_tests_ends_with_what_was_skipped() -> None:
    recipe = re.search(r"^test: dev.*?(?=^\S)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M | re.S)
    assert recipe and "--durations=25" in recipe[0]
    assert recipe[0].strip().splitlines()[-1].strip() == "@grep '^Skipped: ' .coverage-tests.log"
