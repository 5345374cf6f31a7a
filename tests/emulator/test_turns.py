"""Tests what an upload session acknowledges, without a server: each test holds the bodies in its hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest

from infra.emulator.protocol.errors import CANCELLED, NO_SUCH_UPLOAD, RANGE_NOT_CONTIGUOUS, ApiError, Kind
from infra.emulator.protocol.messages import ClientGone, Event, Request, Response
from infra.emulator.resources.preconditions import NONE, Preconditions
from infra.emulator.resources.rows import ObjectRow, Target
from infra.emulator.store.store import Store
from infra.emulator.transfers.resumable import CHUNK_BYTES, Resumable
from infra.emulator.transfers.uploads import Plan
from tests.loops import run_aside

TARGET = Target("some-bucket", "a")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    store._cleaning.join()
    store.index.insert_bucket(TARGET.bucket, {})
    yield store
    store.index._writer.close()


class Sender:
    """A client whose body comes when the test says so."""

    def __init__(self, content_range: str) -> None:
        self._range = content_range
        self._pieces: asyncio.Queue[Event] = asyncio.Queue()
        self.asked = asyncio.Event()  # the emulator reads the body

    def request(self) -> Request:
        headers = [(b"content-range", self._range.encode())]
        return Request({"method": "PUT", "raw_path": b"/", "query_string": b"", "headers": headers}, self._receive)

    async def _receive(self) -> Event:
        self.asked.set()
        return await self._pieces.get()

    def send(self, data: bytes, *, more: bool = False) -> None:
        self._pieces.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def leave(self) -> None:
        self._pieces.put_nowait({"type": "http.disconnect"})


async def settled() -> None:
    """Return once whatever can go on without a client has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


def received(answer: object) -> str:
    """The range that an answer acknowledges, empty for none."""
    assert isinstance(answer, Response)
    return dict(answer.headers).get("range", "")


async def sent(sessions: Resumable, upload_id: str, span: str, data: bytes = b"") -> ObjectRow | Response:
    """The answer to a chunk that comes whole, perhaps with less than its range says."""
    sender = Sender(f"bytes {span}")
    sender.send(data)
    return await sessions.go_on(upload_id, sender.request())


async def cut_off(sessions: Resumable, upload_id: str, span: str, data: bytes) -> None:
    """Send a part of a chunk, and leave."""
    sender = Sender(f"bytes {span}")
    sender.send(data, more=True)
    sender.leave()
    with pytest.raises(ClientGone):
        await sessions.go_on(upload_id, sender.request())


def content(store: Store) -> bytes:
    _, file = store.open(TARGET)
    with file:
        return file.read()


def test_two_chunks_of_one_session_are_not_mixed(store: Store) -> None:
    """A client that hears nothing sends its chunk again, while the first request still hangs."""

    async def story() -> None:
        sessions = Resumable(store)
        upload_id = await sessions.begin(Plan(TARGET, {}))
        span = f"bytes 0-{CHUNK_BYTES - 1}/*"
        first, again = Sender(span), Sender(span)
        async with asyncio.TaskGroup() as group:
            one = group.create_task(sessions.go_on(upload_id, first.request()))
            await first.asked.wait()
            other = group.create_task(sessions.go_on(upload_id, again.request()))
            again.send(b"2" * CHUNK_BYTES)
            await settled()
            assert not again.asked.is_set()  # it waits for its turn
            first.send(b"1" * CHUNK_BYTES)
        assert received(one.result()) == received(other.result()) == f"bytes=0-{CHUNK_BYTES - 1}"
        last = Sender(f"bytes {CHUNK_BYTES}-{CHUNK_BYTES}/{CHUNK_BYTES + 1}")
        last.send(b"3")
        await sessions.go_on(upload_id, last.request())

    run_aside(story())
    assert content(store) == b"1" * CHUNK_BYTES + b"3"


@pytest.mark.parametrize("total", ["*", str(2 * CHUNK_BYTES)])
def test_a_session_that_is_cancelled_while_it_is_filled_is_gone(store: Store, tmp_path: Path, total: str) -> None:
    async def story() -> None:
        sessions = Resumable(store)
        upload_id = await sessions.begin(Plan(TARGET, {}))
        slow = Sender(f"bytes 0-{2 * CHUNK_BYTES - 1}/{total}")
        async with asyncio.TaskGroup() as group:
            filling = group.create_task(refused(sessions.go_on(upload_id, slow.request())))
            await slow.asked.wait()
            assert await refused(sessions.cancel(upload_id)) is CANCELLED
            slow.send(b"1" * 2 * CHUNK_BYTES)
        assert filling.result() is NO_SUCH_UPLOAD
        assert await refused(sessions.go_on(upload_id, Sender("bytes */*").request())) is NO_SUCH_UPLOAD
        assert await refused(sessions.cancel(await sessions.begin(Plan(TARGET, {})))) is CANCELLED

    run_aside(story())
    assert store.index.object(TARGET.bucket, TARGET.name) is None
    assert list((tmp_path / "objects").iterdir()) == []


async def refused(answer: Awaitable[object]) -> Kind:
    """The kind of error that a request ends with."""
    with pytest.raises(ApiError) as error:
        await answer
    return error.value.kind


def test_a_chunk_that_is_cut_off_counts_by_whole_pieces_and_takes_nothing_back(store: Store) -> None:
    async def story() -> None:
        sessions = Resumable(store)
        upload_id = await sessions.begin(Plan(TARGET, {}))
        whole = f"0-{3 * CHUNK_BYTES - 1}/*"
        await cut_off(sessions, upload_id, whole, b"1" * 100)
        assert received(await sent(sessions, upload_id, "*/*")) == ""
        await cut_off(sessions, upload_id, whole, b"1" * (CHUNK_BYTES + 100))
        assert received(await sent(sessions, upload_id, "*/*")) == f"bytes=0-{CHUNK_BYTES - 1}"
        short = await sent(sessions, upload_id, f"{CHUNK_BYTES}-{3 * CHUNK_BYTES - 1}/*", b"2" * 100)
        assert received(short) == f"bytes=0-{CHUNK_BYTES + 99}"  # not what its range has promised
        await cut_off(sessions, upload_id, f"{CHUNK_BYTES + 100}-{2 * CHUNK_BYTES - 1}/*", b"3" * 100)
        assert received(await sent(sessions, upload_id, "*/*")) == received(short)
        await sent(sessions, upload_id, f"{CHUNK_BYTES + 100}-{CHUNK_BYTES + 100}/{CHUNK_BYTES + 101}", b"4")

    run_aside(story())
    assert content(store) == b"1" * CHUNK_BYTES + b"2" * 100 + b"4"


def test_a_chunk_that_overlaps_is_stored_once_and_no_gap_is_filled(store: Store) -> None:
    async def story() -> None:
        sessions = Resumable(store)
        upload_id = await sessions.begin(Plan(TARGET, {}))
        await sent(sessions, upload_id, f"0-{CHUNK_BYTES - 1}/*", b"1" * CHUNK_BYTES)
        ahead = sent(sessions, upload_id, f"{2 * CHUNK_BYTES}-{3 * CHUNK_BYTES - 1}/*", b"3" * CHUNK_BYTES)
        assert await refused(ahead) is RANGE_NOT_CONTIGUOUS
        await sent(sessions, upload_id, f"0-{2 * CHUNK_BYTES - 1}/*", b"1" * CHUNK_BYTES + b"2" * CHUNK_BYTES)
        await sent(sessions, upload_id, f"*/{2 * CHUNK_BYTES}")

    run_aside(story())
    assert content(store) == b"1" * CHUNK_BYTES + b"2" * CHUNK_BYTES


def test_the_last_chunk_makes_one_object_however_often_it_is_sent(store: Store) -> None:
    async def story() -> None:
        sessions = Resumable(store)
        upload_id = await sessions.begin(Plan(TARGET, {}, Preconditions(generation=0)))
        assert received(await sent(sessions, upload_id, "0-199/200", b"1" * 100)) == "bytes=0-99"
        assert store.index.object(TARGET.bucket, TARGET.name) is None
        row = await sent(sessions, upload_id, "100-199/200", b"2" * 100)
        for other in (sessions, Resumable(store)):  # after a restart, too
            assert await sent(other, upload_id, "100-199/200", b"2" * 100) == row
        assert store.get(TARGET) == row

    run_aside(story())


def test_a_session_remembers_all_conditions_of_its_beginning() -> None:
    given = Preconditions(1, 2, 3, 4, ("a",), ("b",), unmodified_since=5)
    assert Preconditions.from_json(json.loads(json.dumps(given.to_json()))) == given
    for kept in (NONE, Preconditions(generation=0)):
        assert Preconditions.from_json(json.loads(json.dumps(kept.to_json()))) == kept
