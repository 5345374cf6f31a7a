"""Tests listings of more objects than are read at once, without a server: in any pages they are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from infra.emulator.resources.rows import ObjectRow
from infra.emulator.store import lifecycle, tables
from infra.emulator.store.listing import PAGE, Query, list_page, read_token
from infra.emulator.store.store import Store

COUNT = 1205  # more than a page, and than six times the rows that are read at once where some are left out
LAST = f"{COUNT - 1:05}"
MOMENT = "2026-01-01T00:00:00.000Z"
NAMES = [f"{number:05}" for number in range(COUNT)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A bucket whose last object has a context, and three versions beside the live one of its first and last."""
    store = Store(tmp_path_factory.mktemp("long"))
    store._cleaning.join()
    store.index.insert_bucket("b", {})
    with store.index._write() as db:
        for number, name in enumerate(NAMES):
            row = ObjectRow("b", name, 10 + number, 1, 0, "", "", "", MOMENT, MOMENT, {})
            if name == LAST:
                row = replace(row, config={"contexts": {"custom": {"kind": {"value": "last"}}}})
            tables.put_object(db, row)
            for generation in (1, 2, 3) if name in (NAMES[0], LAST) else ():
                old = replace(row, generation=generation, config={**row.config, "timeDeleted": MOMENT})
                tables.put_version(db, old)
    yield store
    store.index._writer.close()


def listed(store: Store, query: Query) -> list[tuple[str, int]]:
    """All pages together."""
    found: list[tuple[str, int]] = []
    for _ in range(2 * COUNT):
        page = list_page(store.index, query)
        assert len(page) <= query.count
        found += [(row.name, row.generation) for row in page.objects] + [(name, 0) for name in page.prefixes]
        if not page.next_token:
            return found
        query = replace(query, after=read_token(page.next_token))
    raise AssertionError("it does not end")


WANTED: list[tuple[Query, Callable[[str], bool]]] = [
    (Query("b"), lambda name: True),
    (Query("b", glob="*7"), lambda name: name.endswith("7")),
    (Query("b", glob=f"*{LAST[-3:]}"), lambda name: name.endswith(LAST[-3:])),
    (Query("b", filter='contexts."kind"="last"'), lambda name: name == LAST),
    (Query("b", filter='-contexts."kind":*'), lambda name: name != LAST),
    (Query("b", prefix="010", start="01050"), lambda name: name.startswith("010") and name >= "01050"),
]


@pytest.mark.parametrize("size", [PAGE, 7])
@pytest.mark.parametrize(("query", "wanted"), WANTED)
def test_no_page_leaves_out_what_another_does_not_have(
    store: Store, query: Query, wanted: Callable[[str], bool], size: int
) -> None:
    found = listed(store, replace(query, count=size))
    assert [name for name, _ in found] == [name for name in NAMES if wanted(name)]


@pytest.mark.parametrize("size", [PAGE, 100, 2, 1])
def test_versions_of_one_name_may_lie_on_several_pages(store: Store, size: int) -> None:
    query = Query("b", prefix=LAST[:-1], versions=True, count=size)
    tens = [(name, 10 + number) for number, name in enumerate(NAMES) if name.startswith(LAST[:-1])]
    assert listed(store, query) == [*tens[:-1], *((LAST, generation) for generation in (1, 2, 3)), tens[-1]]


@pytest.mark.parametrize("size", [PAGE, 3, 1])
def test_a_common_prefix_is_listed_once(store: Store, size: int) -> None:
    found = [name for name, _ in listed(store, Query("b", delimiter="0", prefix="01", count=size))]
    assert sorted(found) == sorted({name[: name.find("0", 2) + 1] or name for name in NAMES if name.startswith("01")})


def test_rules_see_every_object(store: Store) -> None:
    assert [row.name for row in lifecycle._objects(store, "b")] == sorted([*NAMES, *3 * [NAMES[0]], *3 * [LAST]])
