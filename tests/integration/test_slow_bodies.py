"""The real function before clients that send half of a body: each holds a thread for seconds, not for a minute."""

from __future__ import annotations

import os
import socket
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from infra.local.ports import EPHEMERAL
from infra.local.stack import Stack

SECONDS, THREADS = 2, 4
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELMAIL_")}
    given = {**kept, "MODELMAIL_LIMIT_REQUEST_SECONDS": str(SECONDS), "THREADS": str(THREADS)}
    with Stack(tmp_path_factory.mktemp("slow") / "data", EPHEMERAL, given, worker=False) as one:
        yield one


def connected(stack: Stack, sent: bytes) -> socket.socket:
    """A connection that has sent so much."""
    where = urllib.parse.urlsplit(stack.function_url)
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=30)
    connection.sendall(sent)
    return connection


HALVES = {
    "a body": HEAD + b"Content-Length: 50\r\n\r\n{",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "a body of a stranger's page": HEAD.replace(b"localhost", b"x") + b"Content-Length: 50\r\n\r\n{",
    "a body that is too large": HEAD + b"Content-Length: 9000000\r\n\r\n{",
}


RARE = ("chunks", "a body that is too large")  # each takes its seconds


@pytest.mark.parametrize(
    "half",
    [pytest.param(half, id=name, marks=pytest.mark.slow if name in RARE else ()) for name, half in HALVES.items()],
)
def test_half_a_body_holds_its_thread_for_seconds(stack: Stack, half: bytes) -> None:
    began = time.monotonic()
    with ExitStack() as held:
        for _ in range(THREADS):
            held.enter_context(connected(stack, half))
        assert requests.get(f"{stack.function_url}/", timeout=30).status_code == 200
    assert time.monotonic() - began < 5 * SECONDS


def test_a_slow_client_is_told(stack: Stack) -> None:
    with connected(stack, HALVES["a body"]) as connection:
        for _ in range(SECONDS * 5):  # never silent
            time.sleep(0.25)
            try:
                connection.sendall(b" ")
            except OSError:  # it has hung up
                break
        said = connection.makefile("rb").read()
    assert said.startswith(b"HTTP/1.1 408 ") and b'"slow_request"' in said


def test_an_ordinary_request_is_answered(stack: Stack) -> None:
    with connected(stack, HEAD + b"Content-Length: 30\r\nConnection: close\r\n\r\n") as connection:
        time.sleep(SECONDS / 4)
        connection.sendall(b'{"email": "ada@example.org"}  ')
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 201 ")
