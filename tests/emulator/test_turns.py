"""Tests that requests to one upload session take turns, without a server: each test holds the bodies in its hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.emulator.protocol.messages import Event, Request, Response
from infra.emulator.resources.rows import Target
from infra.emulator.store.store import Store
from infra.emulator.transfers.resumable import CHUNK_BYTES, Resumable
from infra.emulator.transfers.uploads import Plan

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


async def settled() -> None:
    """Return once whatever can go on without a client has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


def received(answer: object) -> str:
    assert isinstance(answer, Response)
    return dict(answer.headers)["range"]


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

    asyncio.run(story())
    _, file = store.open(TARGET)
    with file:
        assert file.read() == b"1" * CHUNK_BYTES + b"3"
