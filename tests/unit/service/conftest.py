"""The service before a small TFLite model."""

from __future__ import annotations

import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from vm_worker.exports.service.runtime.app import DEFAULT, build
from vm_worker.exports.service.runtime.bundle import About
from vm_worker.exports.service.runtime.classifier import KIND as CLASSIFIER
from vm_worker.exports.service.runtime.engine import Engine
from vm_worker.exports.service.runtime.kind import Kind
from vm_worker.exports.service.runtime.limits import Patience
from vm_worker.exports.service.runtime.pool import Pool
from vm_worker.exports.service.runtime.serve import config

LABELS = ("dark", "light & <bright>", "猫")
ABOUT: About = {"title": "Small", "accuracy": 0.9, "interval": [0.8, 0.95]}


@pytest.fixture(scope="session")
def engine(tflite: bytes) -> Engine:
    """The model behind the service."""
    return Engine(tflite, LABELS, 2)


@pytest.fixture
def occupied(tflite: bytes) -> Iterator[Engine]:
    """The model while nobody's turn ever comes."""
    engine, end = Engine(tflite, LABELS, 1), threading.Event()
    engine._workers.submit(end.wait)
    yield engine
    end.set()


@contextmanager
def served(engine: Pool, about: About, patience: Patience = DEFAULT, kind: Kind = CLASSIFIER) -> Iterator[str]:
    """The service on a free port; its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(config(build(engine, about, patience, kind)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def url(engine: Engine) -> Iterator[str]:
    """The service before the small model."""
    with served(engine, ABOUT) as address:
        yield address


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[httpx.Client]:
    """Asks the service over the wire."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as asking:
        yield asking


def photo(grey: int) -> bytes:
    """A PNG of one grey, by hand: signature, header, pixels, end."""
    row = b"\x00" + bytes([grey]) * 3 * 30
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 30, 20, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 20)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
