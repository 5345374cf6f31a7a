"""A clean process that loads model files and answers for photos, without anything of this project but one program."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports import reload
from vm_worker.exports.agreement import Answers
from vm_worker.exports.asked import Asked
from vm_worker.exports.formats import Reader
from vm_worker.exports.service import probe
from vm_worker.learn.latency.measurement import ON_TENSORFLOW

BATCH = 16  # images in a batch; with 32, Keras takes a third longer for each on processors with a small cache
LATE = "the time did not suffice to prove it: the clean process did not end"


@dataclass(frozen=True)
class Place:
    """The photos that a clean process reads, and how it reads them."""

    images: Path  # .npy, (n, height, width, 3) uint8
    folder: Path  # folder for scratch files
    read: probe.Read = probe.probabilities  # reads the answers of a service as numbers


class CleanProcess:
    """A process for all files of a reader, so that TensorFlow is imported once. A process that died is replaced."""

    def __init__(self, place: Place, reader: Reader, seconds: float) -> None:
        """`seconds` is the time for all files."""
        self._place, self._reader, self._left = place, reader, seconds
        self._process: Asked | None = None

    def start(self) -> None:
        """Start the process before it is asked, so that it has its libraries when a file is there."""
        self._process = self._process or self._started()

    def answers(self, path: Path, rows: NDArray[np.int64]) -> Answers | str:
        """Return the answers (m, ...) of the file for these rows (m,) of the photos, or why there are none."""
        if self._left <= 0:
            return LATE
        began = time.monotonic()
        try:
            if self._reader is Reader.SERVICE:  # a service starts by itself, and its start is a part of the proof
                place = self._place
                return probe.answers(path, probe.ServiceProbe(place.images, rows, place.read, place.folder, self._left))
            return self._asked(path, rows)
        finally:
            self._left -= time.monotonic() - began

    def close(self) -> int:
        """End the process; return its exit status."""
        process, self._process = self._process, None
        return process.close() if process else 0

    def _asked(self, path: Path, rows: NDArray[np.int64]) -> Answers | str:
        process = self._process = self._process or self._started()
        said = self._place.folder / f"{path.name}.npy"
        told = process.ask({"model": str(path), "answer": str(said), "rows": rows.tolist()}, self._left)
        if told is None:
            status = self.close()
            return LATE if process.late else f"the clean process ended with status {status}"
        if told["error"]:
            return str(told["error"])
        answer: Answers = np.load(said)
        said.unlink()
        return answer

    def _started(self) -> Asked:
        request = self._place.folder / f"verify-{self._reader}.json"
        plain = {"reader": self._reader, "images": str(self._place.images), "batch": BATCH}
        request.write_text(json.dumps(plain), encoding="utf-8")
        return Asked([*ON_TENSORFLOW, sys.executable, "-I", str(reload.__file__), str(request)])
