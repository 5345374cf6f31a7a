"""service.pyz against the model alone: one photo, eight clients, memory, start, size.

    pytest tests/benchmarks/service.py -o python_files='*.py' -m "" -s

The model has the form of EfficientNet-Lite0, or of MODELMAIL_BENCH_NETWORK, with a head of six classes; the photos are
JPEG. Both sides are measured in turns within one run, so that what else the machine does hits both. Nothing here
asserts a time.
"""

from __future__ import annotations

import http.client
import io
import os
import time
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import skimage.data
from PIL import Image

from vm_worker.exports.service import base
from vm_worker.exports.service.probe import running
from vm_worker.exports.service.runtime.bundle import Bundle, add
from vm_worker.intake.images import read_square
from vm_worker.learn.networks.catalogue import CATALOGUE

CLASSES = ("a", "b", "c", "d", "e", "f")
NETWORK = os.environ.get("MODELMAIL_BENCH_NETWORK", "efficientnet_lite0")
SIZE = CATALOGUE[NETWORK].size
PHOTOS = ((400, 300), (1600, 1200))  # width, height: as a web page sends them, and a small camera's
TURNS = 60  # of one photo by either way
CLIENTS, FLOODERS = 8, 4
ROUNDS, ROUND_SECONDS = 16, 2.0
START_SECONDS = 120.0


@pytest.fixture(scope="module")
def network() -> bytes:
    """The TFLite model, float32."""
    import keras

    from vm_worker.learn.latency import tflite
    from vm_worker.learn.networks import build

    extractor = build.extractor(NETWORK, None)
    head = keras.layers.Dense(len(CLASSES), activation="softmax")
    return tflite.float32(keras.Model(extractor.input, head(extractor.output)))


def photo(width: int, height: int) -> bytes:
    """A photograph as JPEG."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(skimage.data.astronaut())).resize((width, height)).save(out, "JPEG", quality=90)
    return out.getvalue()


class Client:
    """One connection that stays open."""

    def __init__(self, address: str) -> None:
        where = urllib.parse.urlsplit(address)
        self._wire = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)

    def close(self) -> None:
        self._wire.close()

    def predict(self, photo: bytes) -> None:
        self._wire.request("POST", "/predict", photo, {"Content-Type": "image/jpeg"})
        answer = self._wire.getresponse()
        body = answer.read()
        assert answer.status == 200, body

    def nonsense(self) -> None:
        self._wire.request("POST", "/predict", b"no photo", {"Content-Type": "image/jpeg"})
        answer = self._wire.getresponse()
        answer.read()
        assert answer.status == 422


def model_alone(network: bytes) -> Callable[[Any], None]:
    """The model on all threads, without anything around it."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=network, num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()

    def run(square: Any) -> None:
        interpreter.set_tensor(given["index"], square[None].astype(np.float32))
        interpreter.invoke()

    return run


def test_the_service_beside_the_model_alone(network: bytes, tmp_path: Path) -> None:
    service = add(base.base(), Bundle(network, CLASSES, {}), tmp_path / "service.pyz")
    starts = []
    for _ in range(3):
        began = time.perf_counter()
        with running(service, tmp_path, START_SECONDS) as address, closing(Client(address)) as client:
            client.predict(photo(*PHOTOS[0]))
            starts.append(time.perf_counter() - began)
    print(f"\nsize: {service.stat().st_size / 1e6:.1f} MB (60 allowed), of which the model {len(network) / 1e6:.1f} MB")
    print(f"start to the first answer: {starts[0]:.1f} s unpacking, then {min(starts[1:]):.1f} s (2 allowed)")
    with running(service, tmp_path, START_SECONDS) as address:
        (process,) = psutil.Process().children()
        idle = process.memory_info().rss
        for size in PHOTOS:
            _beside(address, network, size)
        memory = process.memory_info().rss
    print(f"memory: {idle / 1e6:.0f} MB at the start, {memory / 1e6:.0f} MB after {CLIENTS} clients (250 allowed)")


def _beside(address: str, network: bytes, size: tuple[int, int]) -> None:
    """The ratios for photos of one size."""
    ours, bare = (1000 * float(np.median(taken)) for taken in _single(address, network, photo(*size)))
    rates = _throughput(address, network, photo(*size))
    by_service, alone = (float(np.median(rate)) for rate in rates)
    low, share, high = np.quantile(np.divide(*rates), (0.25, 0.5, 0.75))
    print(f"a photo of {size[0]} x {size[1]}:")
    print(f"  one: {ours:.1f} ms by the service, {bare:.1f} ms decoder and LiteRT: {ours / bare:.2f} x (1.3 allowed)")
    print(f"  {CLIENTS} clients: {by_service:.1f} a second, the model alone {alone:.1f}: {share:.2f} (0.9 wanted),")
    print(f"  the middle half of {ROUNDS} rounds {low:.2f} to {high:.2f}")


def test_good_photos_beside_malformed_requests(network: bytes, tmp_path: Path) -> None:
    """Counts of both, in turns with and without the other."""
    service = add(base.base(), Bundle(network, CLASSES, {}), tmp_path / "service.pyz")
    with running(service, tmp_path, START_SECONDS) as address:
        for size in PHOTOS:
            calm, (good, bad) = _mixed(address, photo(*size), 0)[0], _mixed(address, photo(*size), FLOODERS)
            print(f"a photo of {size[0]} x {size[1]}: {calm:.1f} a second from {CLIENTS} clients alone;")
            print(f"  beside {FLOODERS} clients with nonsense {good:.1f}, and {bad:.1f} refusals a second")


def _mixed(address: str, photo: bytes, flooders: int) -> tuple[float, float]:
    """Answers and refusals a second."""
    with ThreadPoolExecutor(CLIENTS + flooders) as pool, ExitStack() as wires:
        clients = [wires.enter_context(closing(Client(address))) for _ in range(CLIENTS + flooders)]
        good = [pool.submit(_many, partial(client.predict, photo)) for client in clients[:CLIENTS]]
        bad = [pool.submit(_many, client.nonsense) for client in clients[CLIENTS:]]
        return sum(one.result() for one in good) / ROUND_SECONDS, sum(one.result() for one in bad) / ROUND_SECONDS


def _single(address: str, network: bytes, photo: bytes) -> tuple[list[float], list[float]]:
    """Seconds for one photo: by the service, and by decoder and model; in turns."""
    run = model_alone(network)
    taken: tuple[list[float], list[float]] = ([], [])
    with closing(Client(address)) as client:
        ways: tuple[Callable[[], None], ...] = (
            lambda: client.predict(photo),
            lambda: run(read_square(io.BytesIO(photo), SIZE)),
        )
        for turn in range(TURNS + 1):
            for way, seconds in zip(ways, taken, strict=True):
                began = time.perf_counter()
                way()
                seconds.extend([time.perf_counter() - began] * (turn > 0))  # the first one warms up
    return taken


def _throughput(address: str, network: bytes, photo: bytes) -> tuple[list[float], list[float]]:
    """Photos a second of each round: eight clients of the service, and the model alone; in turns."""
    run, square = model_alone(network), read_square(io.BytesIO(photo), SIZE)
    rates: tuple[list[float], list[float]] = ([], [])
    with ThreadPoolExecutor(CLIENTS) as pool, ExitStack() as wires:
        clients = [wires.enter_context(closing(Client(address))) for _ in range(CLIENTS)]
        for _ in range(ROUNDS):
            counts = pool.map(lambda client: _many(lambda: client.predict(photo)), clients)
            rates[0].append(sum(counts) / ROUND_SECONDS)
            rates[1].append(_many(lambda: run(square)) / ROUND_SECONDS)
    return rates


def _many(once: Callable[[], None]) -> int:
    end, count = time.perf_counter() + ROUND_SECONDS, 0
    while time.perf_counter() < end:
        once()
        count += 1
    return count
