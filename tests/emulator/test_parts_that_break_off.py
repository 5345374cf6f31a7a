"""Tests in which order an upload in parts is written, without a server: what breaks off loses nothing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.emulator.calls.service import Call, Service
from infra.emulator.protocol.messages import Event, Request, Response
from infra.emulator.resources.rows import Target
from infra.emulator.signatures.v4 import Verifier
from infra.emulator.store.store import Store
from infra.emulator.transfers.resumable import Resumable
from infra.emulator.xml_api import multipart_uploads
from tests.loops import run_aside

NAMES = {"bucket": "some-bucket", "object": "a"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    store._cleaning.join()
    store.index.insert_bucket(NAMES["bucket"], {})
    yield store
    store.index._writer.close()


def call(store: Store, query: str, body: bytes = b"") -> Call:
    """A request with that query."""

    async def receive() -> Event:
        return {"type": "http.request", "body": body}

    scope = {"method": "PUT", "raw_path": b"/some-bucket/a", "query_string": query.encode(), "headers": []}
    return Call(Service(store, Resumable(store), Verifier(()), ()), Request(scope, receive), NAMES)


def put(store: Store, upload: str, content: bytes) -> str:
    """Send the first part; its tag."""
    answer = run_aside(multipart_uploads.put_part(call(store, f"partNumber=1&uploadId={upload}", content)))
    return dict(answer.headers)["etag"]


def complete(store: Store, upload: str, tag: str) -> Response:
    part = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    return run_aside(multipart_uploads.complete(call(store, f"uploadId={upload}", body)))


def test_an_upload_goes_on_after_whatever_broke_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = run_aside(multipart_uploads.begin(call(store, "uploads")))
    found = re.search(r"<UploadId>(\w+)<", begun.body.decode())
    assert found is not None
    tag = put(store, found[1], b"first")

    def full(*given: object) -> None:
        raise sqlite3.OperationalError("the disk is full")

    for owner, name in ((store.index, "replace_sessions"), (store, "commit")):
        with monkeypatch.context() as patch, pytest.raises(sqlite3.OperationalError):
            patch.setattr(owner, name, full)
            put(store, found[1], b"second") if name == "replace_sessions" else complete(store, found[1], tag)
    assert complete(store, found[1], tag).status == 200
    _, file = store.open(Target("some-bucket", "a"))
    with file:
        assert file.read() == b"first"
