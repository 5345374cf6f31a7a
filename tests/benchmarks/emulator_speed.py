"""The emulator's calls a second, beside those of a bare asyncio server that stores nothing, in the same run.

The ratio tells more than the speed: it hardly depends on the machine. With `MODELMAIL_BENCH_OTHER=URL`, another
emulator that runs there already is measured too, on the same requests as far as it has them.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.emulator.signatures.keys import ensure_key
from tests.servers import ACCOUNT, running_emulator

pytestmark = pytest.mark.timeout(600)

CALLS = 1500
LISTS = 100
NAMES = 1000  # on the page of a listing
BODY = b"x" * 1024
ROUNDS = 3  # the best counts: other programs only make it slower
OWNER = {"authorization": "Bearer x"}

Ask = Callable[[http.client.HTTPConnection, int, int], int]


class Bare(asyncio.Protocol):
    """Reads a request with its body, and answers at once, with as many bytes as the request asks for."""

    def __init__(self) -> None:
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(body) < length:
            return
        self._held = body[length:]
        size = next((int(line[15:]) for line in lines if line.startswith(b"x-answer-bytes:")), 0)
        answer = b"x" * size
        assert self._transport is not None
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)


SERVE = """
import asyncio, sys
from tests.benchmarks.emulator_speed import Bare

async def serve():
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(serve())
"""


@contextmanager
def bare() -> Iterator[str]:
    """The bare server, in a process of its own as the emulator is."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def ask(method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Ask:
    """One request; `{}` in the path is its number. It gives the size of the answer, which the bare server is told."""

    def send(connection: http.client.HTTPConnection, number: int, size: int = 0) -> int:
        sent = {**(headers or {}), "x-answer-bytes": str(size)}
        connection.request(method, path.format(number), body, sent)
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status < 300, (path, answer.status, data[:200])
        return len(data)

    return send


CASES: Mapping[str, tuple[Ask, int]] = {
    "JSON put": (ask("POST", "/upload/storage/v1/b/speed/o?uploadType=media&name=j-{}", BODY), CALLS),
    "JSON get": (ask("GET", "/storage/v1/b/speed/o/j-{}?alt=media"), CALLS),
    "JSON stat": (ask("GET", "/storage/v1/b/speed/o/j-{}"), CALLS),
    "JSON list": (ask("GET", f"/storage/v1/b/speed/o?prefix=j&maxResults={NAMES}"), LISTS),
    "XML put": (ask("PUT", "/speed/x-{}", BODY, OWNER), CALLS),
    "XML get": (ask("GET", "/speed/x-{}", None, OWNER), CALLS),
    "XML list": (ask("GET", f"/speed?list-type=2&prefix=x&max-keys={NAMES}", None, OWNER), LISTS),
}


def speed(url: str, name: str, size: int = 0) -> tuple[float, int]:
    """Calls a second over one connection, the best of some rounds, and the size of the last answer.

    0 where the server has no such call.
    """
    send, count = CASES[name]
    best, found = 0.0, 0
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            try:
                for number in range(count):
                    found = send(connection, number, size)
            except AssertionError:
                return 0.0, 0
            best = max(best, count / (time.perf_counter() - began))
    return best, found


def parallel(url: str, name: str, clients: int = 8) -> float:
    """Calls a second of several clients at once."""
    send, count = CASES[name]

    def run() -> None:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:
            for number in range(count // clients):
                send(connection, number, 0)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (count // clients * clients) / (time.perf_counter() - began)


def test_calls_a_second(tmp_path: Path) -> None:
    key = ensure_key(tmp_path / "key.json", ACCOUNT)
    other = os.environ.get("MODELMAIL_BENCH_OTHER", "")
    with running_emulator(tmp_path / "data", key) as emulator, bare() as plain:
        made = ask("POST", "/storage/v1/b?project=p", b'{"name": "speed"}', {"content-type": "application/json"})
        for url in filter(None, (emulator.url, other)):
            with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)) as connection:
                made(connection, 0, 0)
        print(f"\n{'1 KiB, calls/s':16}{'emulator':>10}{'bare':>10}{'of bare':>9}{'8 clients':>11}"
              + (f"{'other':>10}{'of bare':>9}{'emulator/other':>16}" if other else ""))  # fmt: skip
        for name in CASES:
            ours, size = speed(emulator.url, name)
            floor, many = speed(plain, name, size)[0], parallel(emulator.url, name)
            line = f"{name:16}{ours:10.0f}{floor:10.0f}{ours / floor:9.2f}{many:11.0f}"
            if other:
                theirs, _ = speed(other, name)
                ratio = f"{ours / theirs:16.1f}" if theirs else f"{'none':>16}"
                line += f"{theirs:10.0f}{theirs / floor:9.2f}{ratio}"
            print(line)
