"""What every Store promises, on every Store that there is."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from google.api_core import exceptions

from jobs.errors import Transient
from jobs.storage.gcs import GcsPolicy, GcsStore, client
from jobs.storage.store import MemoryStore, PreconditionFailed, Store
from tests.servers import EmulatorUnderTest
from tests.unit.function.conftest import key_file

__all__ = ["key_file"]  # a fixture

ONE_TRY = GcsPolicy(retry_seconds=0, file_seconds=0)
BIG = 9 * 1024 * 1024  # bytes; past the size from which the real client uploads in chunks


@pytest.fixture(params=["memory", "emulator"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    else:
        emulator: EmulatorUnderTest = request.getfixturevalue("emulator")
        yield emulator.store()


def test_what_is_put_is_got(store: Store) -> None:
    generation = store.put("jobs/a.json", b'{"a": 1}', content_type="application/json")
    blob = store.get("jobs/a.json")
    assert blob is not None
    assert (blob.data, blob.generation) == (b'{"a": 1}', generation)


def test_what_is_not_there(store: Store, tmp_path: Path) -> None:
    assert store.get("absent") is None
    assert store.stat("absent") is None
    assert store.delete("absent") is False
    assert store.delete("absent", if_generation=7) is False
    with pytest.raises(FileNotFoundError):
        store.download("absent", tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_known_blob_that_has_not_changed_is_given_back_itself(store: Store) -> None:
    store.put("a", b"1")
    known = store.get("a")
    assert store.get("a", known) is known
    store.put("a", b"2")
    newer = store.get("a", known)
    assert newer is not None and newer.data == b"2"
    store.delete("a")
    assert store.get("a", newer) is None


def test_generations_only_grow_even_over_a_deletion(store: Store) -> None:
    seen = [store.put("a", b"1"), store.put("b", b"1"), store.put("a", b"1")]
    store.delete("a")
    seen.append(store.put("a", b"1"))
    assert seen == sorted(set(seen)) and seen[0] > 0


def test_stat_tells_size_generation_and_birth(store: Store) -> None:
    generation = store.put("folder/ä b?#%.txt", b"12345")
    stat = store.stat("folder/ä b?#%.txt")
    assert stat is not None
    assert (stat.name, stat.generation, stat.size) == ("folder/ä b?#%.txt", generation, 5)
    assert abs(datetime.now(UTC) - stat.created) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("exists", "condition", "wins"),
    [
        (False, 0, True),  # once-only write
        (True, 0, False),  # somebody was first
        (True, "current", True),  # compare and swap
        (True, "older", False),  # changed since it was read
        (False, 5, False),  # deleted since it was read
    ],
)
def test_conditional_put(store: Store, exists: bool, condition: int | str, wins: bool) -> None:
    older = store.put("other", b"")
    current = store.put("a", b"old") if exists else 0
    wanted = {"current": current, "older": older}.get(str(condition), condition)
    assert isinstance(wanted, int)
    if wins:
        assert store.put("a", b"new", if_generation=wanted) > current
    else:
        with pytest.raises(PreconditionFailed):
            store.put("a", b"new", if_generation=wanted)
    blob = store.get("a")
    assert (blob and blob.data) == (b"new" if wins else b"old" if exists else None)


def test_conditional_delete(store: Store) -> None:
    first = store.put("a", b"1")
    second = store.put("a", b"2")
    with pytest.raises(PreconditionFailed):
        store.delete("a", if_generation=first)
    assert store.delete("a", if_generation=second) is True
    assert store.get("a") is None


def test_list_is_by_prefix_in_byte_order(store: Store) -> None:
    names = ["a/2", "a/10", "a/\U0001f600", "a/\uffee", "a", "b/1", "A/1", "a0"]
    for name in names:
        store.put(name, name.encode())
    assert [stat.name for stat in store.list("a/")] == ["a/10", "a/2", "a/\uffee", "a/\U0001f600"]
    assert [stat.name for stat in store.list()] == sorted(names)
    assert [stat.size for stat in store.list("b/")] == [3]
    assert list(store.list("c")) == []


@pytest.mark.parametrize("size", [0, 1, BIG], ids=["empty", "one byte", "chunked"])
def test_files_go_up_and_come_down(store: Store, tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    generation = store.upload("models/model.h5", source)
    assert store.download("models/model.h5", target) == generation
    assert target.read_bytes() == source.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"source", "target"}
    stat = store.stat("models/model.h5")
    assert stat is not None and stat.size == size


def _race(threads: int, act: Callable[[int], object]) -> list[int]:
    """Everybody at once; the numbers of those who did not lose by their condition."""
    start = threading.Barrier(threads)

    def run(number: int) -> int | None:
        start.wait()
        try:
            act(number)
        except PreconditionFailed:
            return None
        return number

    with ThreadPoolExecutor(threads) as pool:
        return [number for number in pool.map(run, range(threads)) if number is not None]


def _put(store: Store, name: str, generation: int, number: int) -> None:
    store.put(name, b"%d" % number, if_generation=generation)


def test_of_fifty_who_create_one_wins(store: Store) -> None:
    for turn in range(3):
        winners = _race(50, partial(_put, store, f"lock-{turn}", 0))
        blob = store.get(f"lock-{turn}")
        assert blob is not None and [int(blob.data)] == winners


def test_of_fifty_who_compare_and_swap_one_wins(store: Store) -> None:
    generation = store.put("record", b"start")
    for _ in range(3):
        winners = _race(50, partial(_put, store, "record", generation))
        blob = store.get("record")
        assert blob is not None and [int(blob.data)] == winners
        generation = blob.generation


def test_of_twenty_who_delete_one_wins(store: Store) -> None:
    generation = store.put("lock", b"")
    removed: list[int] = []

    def act(number: int) -> None:
        if store.delete("lock", if_generation=generation):
            removed.append(number)

    _race(20, act)
    assert len(removed) == 1


class _Server(ThreadingHTTPServer):
    statuses: list[int]
    asked = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusing)


class _Refusing(BaseHTTPRequestHandler):
    """A service that answers everything with its server's statuses, one after the other, and then with the last."""

    server: _Server

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        statuses = self.server.statuses
        if "/modelmail-busy/o" not in self.path:  # the client asks for the bucket too, once, in a thread of its own
            self.send_response(statuses[-1])
        else:
            self.server.asked += 1
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[tuple[GcsStore, _Server]]:
    with _Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()  # polls every 0.02 s
        there = client(f"http://127.0.0.1:{server.server_port}")
        yield GcsStore(there.bucket("modelmail-busy"), ONE_TRY), server
        there.close()
        server.shutdown()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_service_is_transient(refusing: tuple[GcsStore, _Server], status: int, tmp_path: Path) -> None:
    store, server = refusing
    server.statuses = [status]
    (tmp_path / "file").write_bytes(b"x")
    for call in (
        lambda: store.get("a"),
        lambda: store.stat("a"),
        lambda: store.put("a", b""),
        lambda: store.put("a", b"", if_generation=0),
        lambda: store.upload("a", tmp_path / "file"),
        lambda: store.download("a", tmp_path / "copy"),
        lambda: store.delete("a", if_generation=1),
        lambda: list(store.list()),
    ):
        with pytest.raises(Transient):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_service_that_forbids_is_no_transient(refusing: tuple[GcsStore, _Server]) -> None:
    store, server = refusing
    server.statuses = [403]
    with pytest.raises(exceptions.Forbidden):
        store.get("a")
    with pytest.raises(exceptions.Forbidden):
        store.put("a", b"", if_generation=0)


def test_a_condition_is_asked_for_once_and_all_else_again(refusing: tuple[GcsStore, _Server]) -> None:
    store, server = refusing
    patient = GcsStore(store._bucket)
    server.statuses = [503]
    with pytest.raises(Transient):
        patient.put("a", b"", if_generation=0)
    with pytest.raises(Transient):
        patient.delete("a", if_generation=1)
    assert server.asked == 2
    state = random.getstate()
    random.seed(1)  # the client waits for a random part of a second: for a short one
    server.statuses = [503, 404]
    assert patient.stat("a") is None
    random.setstate(state)
    assert server.asked == 4


def test_google_needs_credentials_and_has_its_own_address(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "some-project")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    assert client("").project == "some-project"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file.with_name("none.json")))
    with pytest.raises(ValueError, match="MODELMAIL_STORAGE_URL is not set"):
        client("")


def test_a_service_that_does_not_answer_is_transient() -> None:
    nobody = client("http://127.0.0.1:9")  # the discard port: nothing listens
    store = GcsStore(nobody.bucket("modelmail-nobody"), ONE_TRY)
    for call in (
        lambda: store.get("a"),
        lambda: store.stat("a"),
        lambda: store.put("a", b"", if_generation=0),
        lambda: store.delete("a"),
        lambda: list(store.list()),
    ):
        with pytest.raises(Transient):
            call()
    nobody.close()
