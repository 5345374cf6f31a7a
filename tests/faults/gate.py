"""A gate before a server: every request passes it, can be held before it arrives or before its answer, or be lost.

The emulator's own faults go by the path, but which record is written, and to what state, stands in the body.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
PATIENCE = 60.0  # seconds that a request is held at most
NAME = re.compile(rb'"name": ?"([^"]+)"')
TOKEN = re.compile(rb'"token": ?(\d+)')
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Seen:
    """One request on its way."""

    method: str
    path: str  # decoded, with the query
    body: bytes

    @property
    def name(self) -> str:
        """The object that is written, where the body says so."""
        found = NAME.search(self.body)
        return found[1].decode() if found else ""

    @property
    def token(self) -> int:
        """The attempt that a record or a manifest tells of; 0 where there is none."""
        found = TOKEN.search(self.body)
        return int(found[1]) if found else 0


@dataclass(frozen=True)
class Made:
    """A write that the server has answered."""

    at: float  # seconds of the epoch
    token: int


class Then(StrEnum):
    """What becomes of a held request."""

    PASS = "pass"
    DROP = "drop"  # it never arrives
    LOSE = "lose"  # it arrives, its answer does not
    REFUSE = "refuse"  # 503


@dataclass
class Trap:
    """What the gates of one job wait for. The first request that matches is held until `let` is called."""

    matches: Callable[[Seen], bool] = field(default=lambda seen: False)
    before: bool = True
    reached: threading.Event = field(default_factory=threading.Event)
    made: dict[str, list[Made]] = field(default_factory=dict)  # object -> its writes
    claims: dict[int, float] = field(default_factory=dict)  # attempt -> when its claim of the job was written
    _decided: threading.Event = field(default_factory=threading.Event)
    _then: Then = Then.PASS
    _down_until: float = 0.0
    _lose_next: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def let(self, then: Then) -> None:
        """Decide on the held request."""
        self._then = then
        self._decided.set()

    def go_down(self, seconds: float) -> None:
        """Answer 503 to everything for a while."""
        self._down_until = time.monotonic() + seconds

    def lose_next_write(self) -> None:
        """The next write arrives, and its answer does not."""
        self._lose_next = True

    def down(self) -> bool:
        """Whether it is down now."""
        return time.monotonic() < self._down_until

    def springs(self, seen: Seen) -> bool:
        """Whether this is the request that it waits for: true once."""
        with self._lock:
            if self.reached.is_set() or not self.matches(seen):
                return False
            self.reached.set()
            return True

    def hold(self) -> Then:
        """Wait for the decision."""
        self._decided.wait(PATIENCE)
        return self._then

    def loses(self, seen: Seen) -> bool:
        """Whether this write's answer is to be lost: true once."""
        with self._lock:
            lost = self._lose_next and seen.method in WRITES
            self._lose_next = self._lose_next and not lost
            return lost

    def note(self, seen: Seen, status: int) -> None:
        """Remember what was written."""
        if status == http.client.OK and seen.method == "POST" and seen.name:
            made = Made(time.time(), seen.token)
            with self._lock:
                self.made.setdefault(seen.name, []).append(made)
                if seen.name.startswith("jobs/"):
                    self.claims.setdefault(made.token, made.at)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    trap: Trap
    upstream: str

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        seen = Seen(self.command, unquote(self.path), body)
        springs = self.trap.springs(seen)
        then = self.trap.hold() if springs and self.trap.before else Then.PASS
        if then is Then.DROP:
            self.close_connection = True
        elif then is Then.REFUSE or self.trap.down():
            self._answer(503, [], b"")
        else:
            self._forward(seen, then, held_after=springs and not self.trap.before)

    def _forward(self, seen: Seen, then: Then, *, held_after: bool) -> None:
        status, headers, data = self._ask(seen)
        self.trap.note(seen, status)
        if held_after:
            then = self.trap.hold()
        if then in (Then.LOSE, Then.DROP) or self.trap.loses(seen):
            self.close_connection = True
        else:
            self._answer(status, headers, data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _ask(self, seen: Seen) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream, timeout=PATIENCE)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, seen.body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), str(len(data)))
        self.send_header("content-length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def gate(url: str, trap: Trap) -> Iterator[str]:
    """A gate before the server at `url`; gives its own URL."""
    handler = type("Handler", (_Handler,), {"trap": trap, "upstream": urlsplit(url).netloc})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            trap.let(Then.DROP)
            server.shutdown()
            thread.join()
