"""What the bodies of all requests hold together is bounded."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.unit.service.conftest import ABOUT, photo, served
from vm_worker.exports.service.runtime.bodies import Refused, Room
from vm_worker.exports.service.runtime.engine import Engine
from vm_worker.exports.service.runtime.limits import Patience

ROOM = 100_000
DARK = photo(5)


@pytest.fixture
def narrow(engine: Engine) -> Iterator[httpx.Client]:
    """Asks a service with little room."""
    with (
        served(engine, ABOUT, Patience(room_bytes=ROOM)) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
    ):
        yield client


def held(client: httpx.Client, size: int) -> socket.socket:
    """A connection that has sent so much of a body, and will not send the rest."""
    wire = socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10)
    wire.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (size + 1) + b"x" * size)
    return wire


def until(client: httpx.Client, status: int) -> httpx.Response:
    """The answer to a photo, asked for until it has this status: a body takes a moment to come, or to go."""
    for _ in range(100):
        answer = client.post("/predict", content=DARK)
        if answer.status_code == status:
            break
        time.sleep(0.05)
    return answer


def test_what_is_taken_comes_back() -> None:
    room = Room(10)
    room.take(6)
    with pytest.raises(Refused):
        room.take(5)
    room.take(4)
    room.give(6)
    room.take(5)


def test_a_body_without_room_is_told_to_come_back(narrow: httpx.Client) -> None:
    with ExitStack() as stack:
        stack.enter_context(held(narrow, ROOM - 10))
        answer = until(narrow, 503)
        assert (answer.json()["error"]["code"], answer.headers["retry-after"]) == ("busy", "1")
        assert narrow.get("/health").status_code == 200
    assert until(narrow, 200).json()["predictions"][0]["label"] == "dark"  # they hung up: their room is free again


def test_soap_says_so_in_its_own_form(narrow: httpx.Client) -> None:
    envelope = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>'
    with held(narrow, ROOM - 10):
        until(narrow, 503)
        answer = narrow.post("/soap", content=envelope, headers={"Content-Type": "text/xml"})
    assert answer.status_code == 500
    assert "Server</faultcode>" in answer.text and "busy" in answer.text


@pytest.mark.parametrize("bad", [b"no photo", b"", DARK[:60]])
def test_refused_bodies_take_no_room(narrow: httpx.Client, bad: bytes) -> None:
    much = bad + b"x" * (ROOM // 3)
    for _ in range(10):
        assert narrow.post("/predict", content=much).status_code == 422
    picture = base64.b64encode(DARK).decode()
    assert narrow.post("/predict", json={"image": picture}).status_code == 200
