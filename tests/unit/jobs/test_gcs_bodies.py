"""A bucket whose service cuts lists into pages, and a download off in the middle."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from jobs.errors import Transient
from jobs.storage.gcs import GcsPolicy, GcsStore, client

PAGES = {"": ("a", "b"), "2": ("c",), "3": (), "4": ("d",)}  # by their tokens; the service may send an empty one
NEXT = {"": "2", "2": "3", "3": "4"}
CREATED = "2026-01-01T00:00:00.000Z"


class _Cutting(BaseHTTPRequestHandler):
    """Sends the fields that are asked for, page by page, and half of every content."""

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if self.path.startswith("/download"):
            self._answer(b"half of ", length=16)
            return
        token, fields = asked.get("pageToken", [""])[0], asked.get("fields", [""])[0]
        items = [{"name": name, "generation": "1", "size": "1", "timeCreated": CREATED} for name in PAGES[token]]
        page: dict[str, object] = {"items": items} if items else {}
        if "nextPageToken" in fields and token in NEXT:
            page["nextPageToken"] = NEXT[token]
        self._answer(json.dumps(page).encode())

    def _answer(self, body: bytes, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(length or len(body)))
        self.send_header("x-goog-generation", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[GcsStore]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Cutting) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        there = client(f"http://127.0.0.1:{server.server_port}")
        yield GcsStore(there.bucket("modelmail-cut"), GcsPolicy(retry_seconds=0, file_seconds=0))
        there.close()
        server.shutdown()


def test_a_list_goes_on_to_its_last_page(store: GcsStore) -> None:
    assert [stat.name for stat in store.list()] == ["a", "b", "c", "d"]


def test_a_download_that_is_cut_off_leaves_what_was_there(store: GcsStore, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"whole")
    with pytest.raises(Transient):
        store.download("a", path)
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]
