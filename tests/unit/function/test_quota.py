"""Slots of a day: as many as there are, however many ask at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date

import pytest

from jobs import quota
from jobs.errors import Transient
from jobs.storage.store import MemoryStore, Stat

DAY = date(2026, 3, 1)


def test_slots_are_counted_by_day_and_key() -> None:
    store = MemoryStore()
    assert [bool(quota.take(store, DAY, "a", 2)) for _ in range(3)] == [True, True, False]
    assert quota.take(store, DAY, "b", 2)
    assert quota.take(store, date(2026, 3, 2), "a", 2)
    assert [stat.name for stat in store.list("limits/20260301/a/")] == ["limits/20260301/a/1", "limits/20260301/a/2"]


def test_nobody_has_anything_when_the_limit_is_zero() -> None:
    assert not quota.take(MemoryStore(), DAY, "a", 0)


class _Stale(MemoryStore):
    """A bucket whose listing is always behind, which is what a race looks like."""

    def list(self, prefix: str = "") -> Iterator[Stat]:
        return iter(())


@pytest.mark.parametrize("store", [MemoryStore(), _Stale()], ids=["fresh listing", "stale listing"])
def test_fifty_racing_threads_take_exactly_the_slots_there_are(store: MemoryStore) -> None:
    barrier, taken = threading.Barrier(50), []

    def take() -> None:
        barrier.wait()
        taken.append(bool(quota.take(store, DAY, "a", 7)))

    threads = [threading.Thread(target=take) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (taken.count(True), taken.count(False)) == (7, 43)


class _Down(MemoryStore):
    def put(
        self,
        name: str,
        data: bytes,
        *,
        if_generation: int | None = None,
        content_type: str = "application/octet-stream",
    ) -> int:
        raise Transient("down")


def test_a_storage_that_is_down_is_no_free_slot() -> None:
    with pytest.raises(Transient):
        quota.take(_Down(), DAY, "a", 5)
