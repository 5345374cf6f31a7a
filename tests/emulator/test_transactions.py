"""Tests the store without a server: a change that fails half-way is not made, and a start keeps what is used."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.emulator.protocol.errors import BUCKET_NOT_EMPTY, NO_SUCH_UPLOAD, PRECONDITION, ApiError
from infra.emulator.resources.preconditions import NONE, Preconditions
from infra.emulator.resources.rows import Draft, ObjectRow, Session, Target
from infra.emulator.store import lifecycle
from infra.emulator.store.files import SMALL_BYTES, Incoming
from infra.emulator.store.store import Store
from infra.emulator.transfers import copies
from infra.emulator.transfers.uploads import Plan

LONG = b"x" * (SMALL_BYTES + 1)
KEPT = {"softDeletePolicy": {"retentionDurationSeconds": "604800"}}


def opened(folder: Path) -> Store:
    """A store whose first search for strays is over."""
    store = Store(folder)
    store._cleaning.join()
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path)
    store.index.insert_bucket("b", {})
    store.index.insert_bucket("kept", KEPT)
    yield store
    store.index._writer.close()


def filled(store: Store, session: str, content: bytes) -> Incoming:
    """A content that was received; that of a session, if one is named."""
    if not session:
        incoming = store.files.begin()
    else:
        store.index.save_session(Session(session, "b", "a", 0, 0, {}))
        incoming = store.files.resume(session, 0)
    incoming.write(content)
    return incoming


def put(store: Store, name: str, content: bytes = b"1", bucket: str = "b", session: str = "") -> ObjectRow:
    incoming = filled(store, session, content)
    draft = Draft(bucket, name, incoming.size, incoming.md5, incoming.crc32c, "", {})
    return store.commit(incoming, draft, NONE, session)


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All rows but for the counter, which may leave numbers out."""
    with store.index._write() as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names if name != "counter"}  # noqa: S608


DRAFT = Draft("b", "new", 1, "", "", "", {}, content=b"1")
Change = Callable[[Store], object]
# The statement that fails, and a change that comes to it after others or before them.
CHANGES: list[tuple[str, Change]] = [
    ("UPDATE ON sessions", lambda store: store.index.put_object(DRAFT, NONE, "5" * 64)),
    ("INSERT ON objects", lambda store: store.move(Target("b", "a"), NONE, Target("b", "moved"), NONE)),
    ("UPDATE ON contents", lambda store: store.move(Target("b", "a"), NONE, Target("b", "moved"), NONE)),
    ("INSERT ON contents", lambda store: put(store, "a")),
    ("DELETE ON objects", lambda store: store.delete(Target("kept", "a"), NONE)),
    ("INSERT ON sessions", lambda store: store.index.replace_sessions("7" * 64, Session("7" * 65, "b", "a", 1, 0, {}))),
    ("DELETE ON buckets", lambda store: store.index.delete_bucket("empty", NONE)),
    ("DELETE ON soft_buckets", lambda store: store.index.restore_bucket("gone", _gone(store))),
]


def _gone(store: Store) -> int:
    return store.index.soft_buckets()[0].generation


@pytest.mark.parametrize(("statement", "change"), CHANGES)
def test_a_change_that_fails_half_way_is_not_made(store: Store, statement: str, change: Change) -> None:
    for bucket in ("b", "kept"):
        put(store, "a", bucket=bucket)
    for bucket in ("empty", "gone"):
        store.index.insert_bucket(bucket, KEPT)
    store.index.delete_bucket("gone", NONE)
    for digit in "57":
        store.index.save_session(Session(digit * 64, "b", "new", 0, 0, {}))
    before = everything(store)
    store.index._writer.execute(f"CREATE TEMP TRIGGER no BEFORE {statement} BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(sqlite3.Error, match="full"):
        change(store)
    assert everything(store) == before
    store.index._writer.execute("DROP TRIGGER no")
    change(store)
    assert everything(store) != before


def test_conditions_are_looked_at_where_buckets_change_and_objects_move(store: Store) -> None:
    row = put(store, "a")
    put(store, "other")
    wrong = Preconditions(metageneration=9)
    changes: list[Callable[[], object]] = [
        lambda: store.index.patch_bucket("b", dict, wrong),
        lambda: store.index.delete_bucket("kept", wrong),
        lambda: store.move(Target("b", "a"), Preconditions(generation=1), Target("b", "new"), NONE),
        lambda: store.move(Target("b", "a"), NONE, Target("b", "other"), Preconditions(generation=0)),
        lambda: store.patch(Target("b", "a"), dict, wrong),
        lambda: store.delete(Target("b", "a"), wrong),
    ]
    for change in changes:
        with pytest.raises(ApiError) as refused:
            change()
        assert refused.value.kind is PRECONDITION
    assert store.get(Target("b", "a")) == row and len(store.index.buckets()) == 2


def test_a_bucket_with_old_versions_alone_is_not_empty(store: Store) -> None:
    store.index.insert_bucket("versions", {"versioning": {"enabled": True}})
    put(store, "a", bucket="versions")
    store.delete(Target("versions", "a"), NONE)
    with pytest.raises(ApiError) as refused:
        store.index.delete_bucket("versions", NONE)
    assert refused.value.kind is BUCKET_NOT_EMPTY


def test_generations_grow_whatever_the_clock_says(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = put(store, "a").generation
    for microsecond in (first, first, first - 10**9):
        monkeypatch.setattr(time, "time_ns", lambda now=microsecond: now * 1000)
        row = put(store, "a")
        assert row.generation > first
        first = row.generation
        store.delete(Target("b", "a"), NONE)


def test_a_start_keeps_the_contents_of_all_versions_and_of_what_can_be_restored(store: Store, tmp_path: Path) -> None:
    store.index.insert_bucket("versions", {"versioning": {"enabled": True}})
    old = put(store, "a", LONG, "versions")
    new = put(store, "a", LONG + b"2", "versions")
    gone = put(store, "a", LONG + b"3", "kept")
    store.delete(Target("kept", "a"), NONE)
    stray = tmp_path / "objects" / "stray"
    stray.touch()
    for content in (tmp_path / "objects").iterdir():
        os.utime(content, (1, 1))  # written long before the start
    opened(tmp_path)
    assert {path.name for path in (tmp_path / "objects").iterdir()} == {old.body, new.body, gone.body}


def test_a_start_keeps_what_sessions_under_way_have_received_and_nothing_else(store: Store, tmp_path: Path) -> None:
    incoming = filled(store, "5" * 64, LONG)
    incoming.sync()
    incoming.close()
    put(store, "a", LONG, session="6" * 64)
    for name in ("6" * 64, "7" * 64):  # it ended before it could remove them
        (tmp_path / "incoming" / name).touch()
    opened(tmp_path)
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["5" * 64]


@pytest.mark.parametrize("session", ["", "5" * 64])
def test_what_is_named_while_strays_are_looked_for_is_none(store: Store, tmp_path: Path, session: str) -> None:
    """The search has read which contents are known, and then a content that was received long ago becomes an object."""
    known, began = store.index.bodies(), time.time() - 60
    incoming = filled(store, session, LONG)
    incoming.sync()
    os.utime(incoming.path, (1, 1))
    draft = Draft("b", "a", incoming.size, incoming.md5, incoming.crc32c, "", {})
    row = store.commit(incoming, draft, NONE, session)
    store.files.remove_strays(known, began)
    os.utime(tmp_path / "objects" / row.body, (1, 1))
    copied = store.put(store.share(Draft("b", "copy", row.size, row.md5, row.crc32c, "", {}), row), NONE)
    store.files.remove_strays(known, began)
    for target in (row, copied):
        _, file = store.open(Target("b", target.name))
        with file:
            assert file.read() == LONG


def test_a_sweep_leaves_what_was_replaced_meanwhile(store: Store) -> None:
    old, new = put(store, "a"), put(store, "a")
    assert not lifecycle._delete(store, old)
    assert store.get(Target("b", "a")) == new


def test_readers_and_copies_get_what_replaces_an_object_at_that_moment(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(name: str) -> None:
        """Let the content go between the read of the row and that of the content."""
        real = getattr(store, name)

        def meanwhile(*given: object) -> object:
            monkeypatch.setattr(store, name, real)
            put(store, "a", LONG + b"2")
            return real(*given)

        put(store, "a", LONG)
        monkeypatch.setattr(store, name, meanwhile)

    replaced("_content")
    _, file = store.open(Target("b", "a"))
    with file:
        assert file.read() == LONG + b"2"
    replaced("share")
    row = copies.copy(store, copies.Source(Target("b", "a")), Plan(Target("b", "copy"), {}))
    assert row.size == len(LONG) + 1


def test_a_sync_waits_for_bytes_that_are_still_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, fsync = list[int](), os.fsync

    def noted(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    incoming = Incoming(tmp_path / "a")
    incoming.write(b"x")
    incoming.sync()
    assert sizes == [1]
    incoming.close()


def test_a_content_goes_on_after_its_acknowledged_bytes_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"acknowledged, and more")
    incoming = Incoming.reopen(path, 12)
    incoming.write(b"!")
    incoming.close()
    assert path.read_bytes() == b"acknowledged!" and incoming.size == 13
    with pytest.raises(OSError, match="has lost acknowledged bytes"):
        Incoming.reopen(path, 14)
    with pytest.raises(OSError, match="has lost acknowledged bytes"):
        Incoming.reopen(tmp_path / "none", 1)


def test_a_refused_content_leaves_nothing(store: Store, tmp_path: Path) -> None:
    for session in ("", "5" * 64):
        incoming = filled(store, session, LONG)
        with pytest.raises(ApiError):
            store.commit(incoming, Draft("b", "a", 1, "", "", "", {}), Preconditions(generation=9), session)
    assert list((tmp_path / "objects").iterdir()) == []
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["5" * 64]  # its session may go on


@pytest.mark.parametrize("content", [b"1", LONG])
def test_an_upload_that_is_cancelled_in_its_last_moment_makes_no_object(
    store: Store, tmp_path: Path, content: bytes
) -> None:
    put(store, "a", b"before")
    incoming = filled(store, "5" * 64, content)
    store.index.end_session("5" * 64)
    with pytest.raises(ApiError) as refused:
        store.commit(incoming, Draft("b", "a", len(content), "", "", "", {}), NONE, "5" * 64)
    assert refused.value.kind is NO_SUCH_UPLOAD
    assert store.get(Target("b", "a")).size == len(b"before")
    assert list((tmp_path / "objects").iterdir()) == []


def test_a_session_keeps_its_name_until_its_object_is_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a", LONG, session="5" * 64)
    assert list((tmp_path / "incoming").iterdir()) == []

    def dies(*given: object) -> object:
        assert (tmp_path / "incoming" / ("6" * 64)).exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(store.index, "put_object", dies)
    with pytest.raises(KeyboardInterrupt):
        put(store, "b", LONG, session="6" * 64)
