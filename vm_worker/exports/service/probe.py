"""Prove that a service.pyz works: start it alone in a clean process, and ask it over HTTP for every test image."""

from __future__ import annotations

import base64
import json
import selectors
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from jobs.json_values import JsonObject
from vm_worker.exports.service.png import encoded
from vm_worker.exports.service.runtime.limits import IMAGES

Answers = NDArray[np.float32]
Read = Callable[[Sequence[JsonObject]], Answers]  # the service's answers for the photos, as numbers: (photos, ...)

LISTENING = "listening on "
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # requests to this machine never use a proxy


@dataclass(frozen=True)
class ServiceProbe:
    """The photos that a service is asked about, and the time limit for it."""

    images: Path  # .npy, (n, height, width, 3) uint8
    rows: NDArray[np.int64]
    read: Read
    folder: Path  # the service unpacks its files here
    seconds: float  # time limit for start and answers


def answers(service: Path, probe: ServiceProbe) -> Answers | str:
    """Start the service and ask it; return its answers (m, ...) for the images, or the reason of a failure."""
    images, end = np.load(probe.images, mmap_mode="r"), time.monotonic() + probe.seconds
    said: list[JsonObject] = []
    try:
        with running(service, probe.folder, probe.seconds) as address:
            for start in range(0, len(probe.rows), IMAGES):
                squares = [images[row] for row in probe.rows[start : start + IMAGES]]
                said.extend(_ask(address, squares, end - time.monotonic()))
        return probe.read(said)
    except (OSError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"[:300]


def probabilities(said: Sequence[JsonObject]) -> Answers:
    """Return the probabilities (m, classes) that a classifier's service gives. Raises KeyError for other answers."""
    rows: list[Any] = [row["probabilities"] for row in said]
    return np.array([[one["probability"] for one in row] for row in rows], np.float32)


@contextmanager
def running(service: Path, folder: Path, seconds: float) -> Iterator[str]:
    """Run the service, unpacked into `folder`; yield its address. Raises OSError when it does not start in time."""
    command = [sys.executable, "-I", str(service), "--port", "0"]
    alone = {"SHIV_ROOT": str(folder / "unpacked")}  # the service gets no other variable of the environment
    with subprocess.Popen(  # noqa: S603 (what was just built)
        command, env=alone, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout and process.stderr  # noqa: S101 (as asked for above)
            line = _line(process.stdout, seconds)
            if not line.startswith(LISTENING):
                process.kill()
                raise OSError(f"it did not start: {process.stderr.read().decode(errors='replace')[-200:]}")
            yield line.removeprefix(LISTENING).strip()
        finally:
            process.kill()


def _line(pipe: IO[bytes], seconds: float) -> str:
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        return pipe.readline().decode() if ready.select(max(0.0, seconds)) else ""


def _ask(address: str, squares: list[NDArray[np.uint8]], seconds: float) -> list[JsonObject]:
    """Return the answers for a few pictures (height, width, 3), which are sent as PNG, without any loss."""
    body = json.dumps({"images": [base64.b64encode(encoded(square)).decode() for square in squares]}).encode()
    request = urllib.request.Request(  # noqa: S310 (our own http address)
        f"{address}/predict", body, {"Content-Type": "application/json"}
    )
    with OPENER.open(request, timeout=max(0.1, seconds)) as answer:
        rows: list[JsonObject] = json.load(answer)["predictions"]
    return rows
