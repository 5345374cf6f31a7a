"""Tests the pages of a listing without a server: bounds of pages, tokens, and where a prefix ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.emulator.protocol.errors import ApiError
from infra.emulator.resources.preconditions import NONE
from infra.emulator.resources.rows import Draft
from infra.emulator.store import listing
from infra.emulator.store.index import Index
from infra.emulator.store.listing import Query, list_page, page_size

LAST = chr(0x10FFFF)
NAMES = ["a/1", "a/2", "b", f"c{LAST}", f"c{LAST}{LAST}x", "d\ud7ff", "d\ud7ff1", "d\ue000", LAST, f"{LAST}/1"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    index = Index(tmp_path_factory.mktemp("names") / "index.sqlite")
    index.insert_bucket("bucket", {"versioning": {"enabled": True}})
    for name in NAMES:
        for _ in range(2):
            index.put_object(Draft("bucket", name, 1, "", "", "", {}, b"x"), NONE)
    yield index
    index._writer.close()


@pytest.mark.parametrize(("text", "size"), [("", 1000), ("1", 1), ("999", 999), ("1000", 1000), ("1001", 1000)])
def test_a_page_has_a_thousand_entries_at_most(text: str, size: int) -> None:
    assert page_size(text) == size


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5"])
def test_a_page_without_entries_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="Invalid value for max-keys"):
        page_size(text, "max-keys")


@pytest.mark.parametrize("delimiter", ["a", "c", "\ud7ff", LAST, "/"])
@pytest.mark.parametrize("count", [1, 2, 3, 99])
def test_behind_a_prefix_comes_the_next_name(index: Index, delimiter: str, count: int) -> None:
    entries: list[str] = []
    after = ""
    while True:
        page = list_page(index, Query("bucket", delimiter=delimiter, after=after, count=count))
        assert len(page) <= count
        entries += sorted([row.name for row in page.objects] + page.prefixes)
        if not page.next_token:
            break
        assert page.last == entries[-1]
        after = listing.read_token(page.next_token)
    heads = [name[: name.find(delimiter) + 1] if delimiter in name else name for name in NAMES]
    assert entries == list(dict.fromkeys(heads))


@pytest.mark.parametrize("count", [1, 2, 3, 99])
def test_versions_are_listed_in_the_order_of_their_making(index: Index, count: int) -> None:
    found: list[tuple[str, int]] = []
    after = ""
    while True:
        page = list_page(index, Query("bucket", versions=True, after=after, count=count))
        found += [(row.name, row.generation) for row in page.objects]
        if not page.next_token:
            break
        assert page.last_version == (found[-1][0], str(found[-1][1]))
        after = listing.past_version(*page.last_version)
    assert found == sorted(found) and [name for name, _ in found] == [name for name in NAMES for _ in range(2)]


def test_a_version_is_a_number() -> None:
    with pytest.raises(ApiError, match="generation must be a number"):
        listing.past_version("a", "x")


def test_a_name_and_a_prefix_are_continued_behind_them(index: Index) -> None:
    page = list_page(index, Query("bucket", after=listing.past_name("a/1"), count=1))
    assert [row.name for row in page.objects] == ["a/2"]
    page = list_page(index, Query("bucket", after=listing.past_prefix("a/"), count=1))
    assert [row.name for row in page.objects] == ["b"]
    page = list_page(index, Query("bucket", start="a/2", after=listing.past_name("a"), count=1))
    assert [row.name for row in page.objects] == ["a/2"]
