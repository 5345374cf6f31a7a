"""Word from the metadata server, over a small server that answers as Google's does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from vm_worker.preemption import PATH, watch

PATIENCE = 20.0  # seconds


class Metadata(BaseHTTPRequestHandler):
    """`instance/preempted`, which keeps a question until the value changes."""

    value: ClassVar[str] = "FALSE"
    changed: ClassVar[threading.Event] = threading.Event()
    asked: ClassVar[list[str]] = []
    broken: ClassVar[int] = 0  # answers to come that are no good

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(where.query).items()}
        Metadata.asked.append(query.get("last_etag", ""))
        if Metadata.broken:
            Metadata.broken -= 1
            return self._answer(503, "", {})
        if where.path != PATH or self.headers["Metadata-Flavor"] != "Google":
            return self._answer(403, "", {})
        if query.get("wait_for_change") == "true" and query.get("last_etag") == self._etag():
            Metadata.changed.wait(PATIENCE)
        return self._answer(200, Metadata.value, {"Metadata-Flavor": "Google", "ETag": self._etag()})

    def _etag(self) -> str:
        return f"etag-{Metadata.value}"

    def _answer(self, status: int, text: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Metadata.value, Metadata.changed, Metadata.asked, Metadata.broken = "FALSE", threading.Event(), [], 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            Metadata.changed.set()
            server.shutdown()
            thread.join()


def tell(value: str) -> None:
    Metadata.value = value
    Metadata.changed.set()


def test_a_worker_hears_at_once_that_its_machine_is_taken_back(url: str) -> None:
    heard = threading.Event()
    thread = watch(url, heard.set)
    assert thread is not None
    assert not heard.wait(0.5)
    assert len(Metadata.asked) == 2  # the value of now, and one long question: no polling
    tell("TRUE")
    assert heard.wait(PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_machine_that_is_going_already_says_so_to_the_first_question(url: str) -> None:
    tell("TRUE")
    heard = threading.Event()
    watch(url, heard.set)
    assert heard.wait(PATIENCE)


def test_a_server_that_does_not_answer_is_asked_again(url: str) -> None:
    Metadata.broken = 3
    tell("TRUE")
    heard = threading.Event()
    watch(url, heard.set, again=0.05)
    assert heard.wait(PATIENCE)
    assert len(Metadata.asked) == 4


def test_nobody_asks_without_an_address() -> None:
    assert watch("", lambda: None) is None
