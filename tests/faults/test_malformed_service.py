"""The generated service under a flood of malformed requests: it goes on answering good ones, and keeps its memory."""

from __future__ import annotations

import http.client
import itertools
import socket
import threading
import time
import urllib.parse
from pathlib import Path

import psutil
import pytest

from tests.unit.service.conftest import ABOUT, LABELS, photo
from vm_worker.exports.service import base
from vm_worker.exports.service.probe import running
from vm_worker.exports.service.runtime.bundle import Bundle, add

pytestmark = pytest.mark.faults
SECONDS, CLIENTS = 10.0, 5
WANTED = 5000  # requests, which is 500 a second for that long; a busy machine takes longer for them
LATEST = 200.0
MEMORY = 250e6  # bytes

# Whole requests, so that a connection can be used again, and halves of them, after which it is closed.
BODIES = (b"", b"no photo", b"\xff\xd8\xff" + bytes(200), b"{", b'{"image": 3}', b"<!DOCTYPE x><a/>", b"<a>" * 100)
KINDS = (b"image/jpeg", b"application/json", b"multipart/form-data; boundary=x", b"text/xml", b"\xff")
WHOLE = [
    b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (path, kind, len(body), body)
    for path in (b"/predict", b"/soap", b"/nothing")
    for kind in KINDS
    for body in BODIES
]
BROKEN = (
    b"\x16\x03\x01\x02\x00\x01\x00",  # TLS
    b"GET\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
)


class Flood:
    """Clients that send nonsense as fast as they can."""

    def __init__(self, address: str) -> None:
        where = urllib.parse.urlsplit(address)
        self._place = (where.hostname or "", where.port or 0)
        self._numbers = itertools.count()
        self.sent = 0
        self.statuses: set[int] = set()
        self.end = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self.end.is_set():
            number = next(self._numbers)
            with socket.create_connection(self._place, timeout=30) as wire:
                if number % 10 == 0:
                    self._send(wire, BROKEN[number // 10 % len(BROKEN)])
                else:
                    self._send_many(wire, number)

    def _send(self, wire: socket.socket, data: bytes) -> None:
        try:
            wire.sendall(data)
        except OSError:  # it hung up first, which is its right
            pass
        self.sent += 1

    def _send_many(self, wire: socket.socket, number: int) -> None:
        for step in range(20):
            self._send(wire, WHOLE[(number * 20 + step) % len(WHOLE)])
            answer = http.client.HTTPResponse(wire)
            try:
                answer.begin()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            self.statuses.add(answer.status)
            if answer.will_close:
                return


def asked(address: str) -> float:
    """Seconds that a good photo took."""
    where, began = urllib.parse.urlsplit(address), time.monotonic()
    wire = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    wire.request("POST", "/predict", photo(5), {"Content-Type": "image/png"})
    answer = wire.getresponse()
    body = answer.read()
    wire.close()
    assert answer.status == 200 and b'"dark"' in body, body
    return time.monotonic() - began


def test_good_photos_are_answered_through_a_flood_of_nonsense(tflite: bytes, tmp_path: Path) -> None:
    service = add(base.base(), Bundle(tflite, LABELS, ABOUT), tmp_path / "service.pyz")
    with running(service, tmp_path, 120.0) as address:
        (process,) = (one for one in psutil.Process().children() if str(service) in one.cmdline())
        with Flood(address) as flood:
            began, waits = time.monotonic(), []
            while flood.sent < WANTED or time.monotonic() - began < SECONDS:
                waits.append(asked(address))
                time.sleep(0.2)
                assert time.monotonic() - began < LATEST, flood.sent
            rate = flood.sent / (time.monotonic() - began)
        asked(address)
        memory = process.memory_info().rss
        assert process.is_running()
    print(f"\n{flood.sent} malformed requests, {rate:.0f} a second; good ones took at most {max(waits):.2f} s")
    assert not {status for status in flood.statuses if status >= 500} - {500}  # a SOAP fault is a 500
    assert flood.statuses >= {400, 404, 422}
    assert memory < MEMORY
