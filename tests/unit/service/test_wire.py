"""What of a request is no body is bounded, and what is malformed ends in a plain refusal."""

from __future__ import annotations

import logging
import socket
import threading
import time
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import pytest

from tests.unit.service.conftest import ABOUT, LABELS, photo, served
from vm_worker.exports.service.runtime.engine import Engine
from vm_worker.exports.service.runtime.limits import BODY_BYTES, HEAD_BYTES, Patience
from vm_worker.exports.service.runtime.wire import REFUSAL

PIECE = 16 * 1024
MANY = 40 * HEAD_BYTES
SILENCE = 0.4  # seconds
IMPATIENT = Patience(silence_seconds=SILENCE, slowest=1)
CHUNKED = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


def told(url: str, pieces: Iterable[bytes], *, to_its_end: bool = False) -> bytes:
    """All that comes back before the connection falls silent, or ends, which it must where that is said."""
    where, said, ended = urllib.parse.urlsplit(url), b"", False
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=2) as wire:
        try:
            for piece in pieces:
                wire.sendall(piece)
            while data := wire.recv(PIECE):
                said += data
            ended = True
        except ConnectionError:  # it hung up while more was sent
            ended = True
        except TimeoutError:  # it waits for more
            pass
    assert ended or not to_its_end
    return said


def endless(start: bytes, piece: bytes) -> Iterable[bytes]:
    yield start
    for _ in range(MANY // len(piece)):
        yield piece


@pytest.mark.parametrize(
    "pieces",
    [
        endless(b"GET /", b"a" * PIECE),  # an address
        endless(b"GET /health HTTP/1.1\r\nHost: x\r\nX: ", b"a" * PIECE),  # one header
        endless(b"GET /health HTTP/1.1\r\nHost: x\r\n", b"X: a\r\n" * 1000),  # many
        endless(CHUNKED, b"1\r\nx\r\n" * 1000),  # more frame than body
        endless(CHUNKED + b"1;x=", b"a" * PIECE),  # an extension of a chunk
        endless(CHUNKED + b"0\r\n", b"X: a\r\n" * 1000),  # trailers
    ],
    ids=["address", "header", "headers", "frames", "extension", "trailers"],
)
def test_what_never_ends_is_ended(url: str, pieces: Iterable[bytes]) -> None:
    said = told(url, pieces, to_its_end=True)
    # Whoever is still sending may see the connection reset before the answer is read.
    assert said == b"" or said.startswith(b"HTTP/1.1 400 ")


def test_a_large_head_is_refused_in_words(url: str) -> None:
    said = told(url, [b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (HEAD_BYTES - 40), b"a" * 40], to_its_end=True)
    assert said.startswith(b"HTTP/1.1 400 ") and said.endswith(REFUSAL.encode())


def test_what_browsers_send_is_not(url: str) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * (HEAD_BYTES // 2) + b"\r\n"
    pieces = [head + b"\r\n", head + b"\r\n", head + b"Connection: close\r\n\r\n"]
    assert told(url, pieces).count(b"200 OK") == 3  # of each request anew


def test_a_photo_may_come_in_chunks(url: str) -> None:
    data = photo(5)
    chunks = [data[start : start + 100] for start in range(0, len(data), 100)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    assert b'"label":"dark"' in told(url, [CHUNKED + framed + b"0\r\n\r\n"])


def test_small_chunks_of_a_large_body_are_no_offence(url: str) -> None:
    chunk = b"64\r\n%s\r\n" % (b"x" * 100)
    many = 4 * 16 * HEAD_BYTES // len(chunk)  # their frames alone are several heads
    assert many * 100 < BODY_BYTES
    said = told(url, [CHUNKED, *([chunk * 100] * (many // 100)), b"0\r\n\r\n"])
    assert said.startswith(b"HTTP/1.1 422 ")  # read to its end: no picture


@pytest.mark.parametrize(
    "request_head",
    [b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"nonsense\r\n\r\n"],
)
def test_the_log_stays_empty(url: str, request_head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert told(url, [request_head]).startswith(b"HTTP/1.1 ")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


@pytest.fixture
def impatient(engine: Engine) -> Iterator[str]:
    """A service that bears little silence."""
    with served(engine, ABOUT, IMPATIENT) as address:
        yield address


@pytest.mark.parametrize(
    "start",
    [b"", b"GET /health HTT", b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", CHUNKED],
    ids=["nothing", "head", "body", "chunks"],
)
def test_a_client_that_falls_silent_is_hung_up_on(impatient: str, start: bytes) -> None:
    began = time.monotonic()
    assert told(impatient, [start] if start else [], to_its_end=True) == b""
    assert time.monotonic() - began >= SILENCE


@pytest.mark.parametrize("start", [b"GET /health HTTP/1.1\r\n", CHUNKED, b""], ids=["head", "chunks", "nothing"])
def test_a_client_that_sends_a_byte_now_and_then_is_hung_up_on(engine: Engine, start: bytes) -> None:
    def trickle() -> Iterator[bytes]:
        yield start or b"\r\n"
        for _ in range(60):
            time.sleep(SILENCE / 4)
            yield b"1\r\nx\r\n" if start == CHUNKED else b"X"

    began = time.monotonic()
    with served(engine, ABOUT, Patience(silence_seconds=SILENCE, slowest=1000)) as url:
        assert told(url, trickle(), to_its_end=True) in (b"", b"HTTP/1.1 400 Bad Request")
    assert time.monotonic() - began < 30 * SILENCE / 4


def test_a_client_too_many_is_told_when_to_come_back(engine: Engine) -> None:
    ask = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with served(engine, ABOUT, Patience(connections=2)) as url:
        where = urllib.parse.urlsplit(url)
        with ExitStack() as stack:
            for _ in range(2):
                held = stack.enter_context(socket.create_connection((where.hostname or "", where.port or 0)))
                held.sendall(ask)
                assert held.recv(PIECE).startswith(b"HTTP/1.1 200 ")
            said = told(url, [ask], to_its_end=True)
        assert said.startswith(b"HTTP/1.1 503 ") and b"retry-after: 1\r\n" in said and b'"code": "busy"' in said
        for _ in range(100):
            if b"200 OK" in told(url, [ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]):
                break
        else:
            raise AssertionError("the places of those who hung up are not free again")


def test_a_slow_client_is_not(impatient: str) -> None:
    def slowly() -> Iterator[bytes]:
        yield b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\n"
        for _ in range(6):
            time.sleep(SILENCE / 2)
            yield b"x"

    assert told(impatient, slowly()).startswith(b"HTTP/1.1 422 ")


def test_nor_one_whose_answer_takes_long(tflite: bytes) -> None:
    engine, go_on = Engine(tflite, LABELS, 1), threading.Event()
    engine._workers.submit(go_on.wait)
    threading.Timer(3 * SILENCE, go_on.set).start()
    data = photo(5)
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(data)
    with served(engine, ABOUT, IMPATIENT) as address:
        assert b'"label":"dark"' in told(address, [head + data])
