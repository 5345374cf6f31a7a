"""A storage that keeps less of a chunk than was sent, or loses its answer: the client sends what is missing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from function import resumable
from function.resumable import Transfer
from function.wire import Upload

CONTENT = bytes(range(100))
UNUSED = Upload.from_json({"url": "http://127.0.0.1:9/", "headers": {}, "max_bytes": 1000})


class _Storage(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.stored = b""
        self.answers_lost = 1


class _Session(BaseHTTPRequestHandler):
    """One session, which keeps seven bytes of a chunk at most."""

    server: _Storage

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        start = re.match(r"bytes (\d+)-", self.headers["content-range"])
        if start and int(start[1]) == len(self.server.stored):
            self.server.stored += body[:7]
        if start and len(self.server.stored) > 40 and self.server.answers_lost:
            self.server.answers_lost = 0
            self.close_connection = True
            return
        whole = len(self.server.stored) == len(CONTENT)
        self.send_response(200 if whole else 308)
        if self.server.stored and not whole:
            self.send_header("range", f"bytes=0-{len(self.server.stored) - 1}")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def storage() -> Iterator[_Storage]:
    with _Storage() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def tried(call: Callable[[], requests.Response]) -> requests.Response:
    """Call once more where there is no answer."""
    try:
        return call()
    except requests.ConnectionError:
        return call()


def test_what_is_missing_is_sent_and_nothing_else(
    storage: _Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable, "CHUNK", 10)
    (tmp_path / "photos.zip").write_bytes(CONTENT)
    begun: list[int] = []
    session = f"http://127.0.0.1:{storage.server_port}/"
    transfer = Transfer(tmp_path / "photos.zip", lambda sent, size: begun.append(sent), session)
    assert transfer.send(UNUSED, tried).status_code == 200
    assert storage.stored == CONTENT
    assert begun == [*range(0, len(CONTENT), 7), len(CONTENT)]
