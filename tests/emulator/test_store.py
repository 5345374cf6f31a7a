"""Tests the store without a server: what is removed, when, and what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.emulator.protocol.errors import ApiError
from infra.emulator.resources.preconditions import NONE
from infra.emulator.resources.rows import Draft, ObjectRow, Target
from infra.emulator.store import lifecycle
from infra.emulator.store.clock import Clock
from infra.emulator.store.files import SMALL_BYTES
from infra.emulator.store.lifecycle import Deletion
from infra.emulator.store.rate import Rate
from infra.emulator.store.store import Store

WEEK = 7 * 86400.0
KEPT = {"softDeletePolicy": {"retentionDurationSeconds": "604800"}}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONG = b"x" * (SMALL_BYTES + 1)


class Still(Clock):
    """A clock that stands where it is put."""

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.offset_seconds)


@pytest.fixture
def clock() -> Clock:
    return Still()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A store whose first search for what is gone is over, in a folder that was not there."""
    store = Store(tmp_path / "of/nobody", clock)
    store._cleaning.join()
    yield store
    store.index._writer.close()


def put(store: Store, bucket: str, name: str, content: bytes = LONG) -> ObjectRow:
    incoming = store.files.begin()
    incoming.write(content)
    draft = Draft(bucket, name, incoming.size, incoming.md5, incoming.crc32c, "", {})
    return store.commit(incoming, draft, NONE)


def held(tmp_path: Path) -> int:
    """The number of contents in files."""
    return len(list((tmp_path / "of/nobody/objects").iterdir()))


def delete(store: Store, bucket: str, name: str) -> None:
    store.delete(Target(bucket, name), NONE)


@pytest.fixture
def gone(store: Store, clock: Clock) -> Store:
    """One content that was deleted and whose time has come, and two objects of a bucket that keeps nothing."""
    store.index.insert_bucket("keeps", KEPT)
    store.index.insert_bucket("plain", {})
    put(store, "keeps", "a")
    delete(store, "keeps", "a")
    clock.offset_seconds = WEEK - 1
    store.purge()  # it is still kept
    for name in "ab":
        put(store, "plain", name)
    return store


@pytest.mark.parametrize("way", ["put", "delete"])
def test_what_is_gone_for_good_is_removed_by_a_write_a_minute_later(
    gone: Store, clock: Clock, tmp_path: Path, way: str
) -> None:
    clock.offset_seconds = WEEK + 58
    put(gone, "plain", "a")
    assert held(tmp_path) == 3
    clock.offset_seconds = WEEK + 59
    put(gone, "plain", "a") if way == "put" else delete(gone, "plain", "a")
    assert held(tmp_path) == (2 if way == "put" else 1)


def test_a_clock_that_was_ahead_keeps_nothing_longer(gone: Store, clock: Clock, tmp_path: Path) -> None:
    clock.offset_seconds = 9 * WEEK
    gone.purge()
    assert held(tmp_path) == 2
    clock.offset_seconds = 0
    put(gone, "keeps", "b")
    delete(gone, "keeps", "b")
    clock.offset_seconds = WEEK
    put(gone, "plain", "a")
    assert held(tmp_path) == 2


def test_a_folder_is_opened_again(store: Store, tmp_path: Path) -> None:
    store.index.insert_bucket("plain", {})
    row = put(store, "plain", "a")
    again = Store(tmp_path / "of/nobody", store.index.clock)
    assert again.get(Target("plain", "a")) == row


def test_what_is_being_received_waits_a_week_for_more(store: Store, clock: Clock, tmp_path: Path) -> None:
    session = store.begin_session(Target("plain", "a"), {})
    clock.offset_seconds = WEEK
    assert Store(tmp_path / "of/nobody", clock).session(session.id) == session
    clock.offset_seconds = WEEK + 1
    with pytest.raises(ApiError):
        Store(tmp_path / "of/nobody", clock).session(session.id)


def made(created: datetime, name: str = "a/1.txt", **config: Any) -> ObjectRow:
    return ObjectRow("plain", name, 1, 1, 1, "", "", "", created.isoformat(), created.isoformat(), config)


DUE: list[tuple[dict[str, Any], bool]] = [
    ({"age": 1}, True),
    ({"age": 2}, False),
    ({"createdBefore": "2026-03-02"}, True),
    ({"createdBefore": "2026-03-01"}, False),  # it was made at that midnight
    ({"matchesPrefix": ["b/", "a/"]}, True),
    ({"matchesPrefix": ["b/"]}, False),
    ({"isLive": True, "age": 1}, True),
    ({"isLive": False, "age": 1}, False),
    ({"age": "soon"}, False),
    ({"age": 10**12}, False),
    ({"createdBefore": "soon"}, False),
]


@pytest.mark.parametrize(("conditions", "due"), DUE)
def test_a_rule_is_due_when_all_its_conditions_are_met(conditions: dict[str, Any], due: bool) -> None:
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert Deletion(conditions).is_due(made(midnight), midnight + timedelta(days=1)) is due
    later = Deletion(conditions).is_due(made(midnight), midnight + timedelta(days=1, seconds=-1))
    assert later is (due and conditions.get("age") != 1)


RULES: list[tuple[dict[str, Any], int]] = [
    ({"action": {"type": "Delete"}, "condition": {"age": 0}}, 1),
    ({"action": {"type": "SetStorageClass"}, "condition": {"age": 0}}, 0),
    ({"action": {"type": "Delete"}, "condition": {}}, 0),
    ({"action": {"type": "Delete"}}, 0),
    ({"action": {"type": "Delete"}, "condition": {"age": 0, "numNewerVersions": 1}}, 0),
    (
        {
            "action": {"type": "Delete"},
            "condition": {
                "age": 0, "createdBefore": "2999-01-01", "matchesPrefix": ["a"], "matchesSuffix": ["a"], "isLive": True,
            },
        },
        1,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "deleted"), RULES)
def test_only_rules_that_are_known_whole_delete(store: Store, clock: Clock, rule: dict[str, Any], deleted: int) -> None:
    store.index.insert_bucket("swept", {"lifecycle": {"rule": [rule]}})
    store.index.insert_bucket("without rules", {})
    put(store, "swept", "a", b"1")
    put(store, "without rules", "a", b"1")
    assert lifecycle.sweep(store, clock.now()) == deleted


def test_an_object_under_a_hold_is_neither_deleted_nor_counted(store: Store, clock: Clock) -> None:
    rule: dict[str, Any] = {"action": {"type": "Delete"}, "condition": {"age": 0}}
    store.index.insert_bucket("swept", {"lifecycle": {"rule": [rule]}})
    for name in "ab":
        put(store, "swept", name, b"1")
    store.patch(Target("swept", "a"), lambda config: {**config, "temporaryHold": True}, NONE)
    assert lifecycle.sweep(store, clock.now()) == 1
    assert [row.name for row in store.index.names_from("swept", "", False, 9)] == ["a"]


def test_a_sweep_removes_what_is_gone_for_good(gone: Store, clock: Clock, tmp_path: Path) -> None:
    clock.offset_seconds = WEEK
    lifecycle.sweep(gone, clock.now())
    assert held(tmp_path) == 2


def test_without_a_limit_writes_follow_each_other_at_once() -> None:
    rate = Rate()
    for _ in range(3):
        rate.admit("bucket", "a")


def test_the_limit_holds_for_each_name_of_each_bucket() -> None:
    rate = Rate()
    rate.writes_per_second = 0.01
    rate.admit("bucket", "a")
    rate.admit("bucket", "b")
    rate.admit("another", "a")
    with pytest.raises(ApiError, match="bucket/a exceeded the rate limit"):
        rate.admit("bucket", "a")
    rate.writes_per_second = 1e6
    rate.admit("bucket", "a")


def test_old_writes_are_forgotten_after_ten_thousand_names() -> None:
    rate = Rate()
    rate.writes_per_second = 1e9
    for number in range(10_000):
        rate.admit("bucket", str(number))
    assert len(rate._last) == 10_000
    rate.admit("bucket", "one more")
    assert list(rate._last) == [("bucket", "one more")]


def test_writes_that_still_count_are_not_forgotten() -> None:
    rate = Rate()
    rate.writes_per_second = 0.01
    for number in range(10_001):
        rate.admit("bucket", str(number))
    with pytest.raises(ApiError):
        rate.admit("bucket", "0")
