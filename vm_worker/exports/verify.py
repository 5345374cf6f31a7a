"""Prove that a model file works elsewhere: load it in a clean process and compare its answers on the test images."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports import reload
from vm_worker.exports.agreement import Agreement, Answers
from vm_worker.exports.asked import Asked
from vm_worker.exports.formats import Format, Reader
from vm_worker.exports.service import probe
from vm_worker.intake.truth import Truth
from vm_worker.learn.latency.measurement import ON_TENSORFLOW
from vm_worker.results.exported import ExportRow

BATCH = 16  # images in a batch; with 32, Keras takes a third longer for each on processors with a small cache
LATE = "the time did not suffice to prove it: the clean process did not end"


@dataclass(frozen=True)
class Proof:
    """The photos that prove a file, and the answers of model.h5 for them."""

    images: Path  # .npy, (n, height, width, 3) uint8
    rows: NDArray[np.int64]  # rows of the test images
    truth: Truth  # the true answers for them
    expected: Answers  # (m, ...) the answers of the reloaded model.h5
    agreement: Agreement[Any]  # compares the answers
    folder: Path  # folder for scratch files
    timeout: float  # seconds for all files of one reader
    read: probe.Read = probe.probabilities  # reads the answers of a service as numbers


def prove(
    proof: Proof, reader: Reader, files: Iterable[Format], folder: Path, turns: AbstractContextManager[Any]
) -> Iterator[ExportRow]:
    """Prove each of these files; yield its row, in the order of the files.

    Files may still be made meanwhile. `turns` is held while one of them is read. The state of each row is "made" or
    "failed".
    """
    with closing(_Clean(proof, reader)) as clean:
        for row in files:
            with turns:
                answer = clean.answer(folder / row.file)
            yield judged(row, answer, proof)


class _Clean:
    """A process for all files of a reader, so that TensorFlow is imported once. A process that died is replaced."""

    def __init__(self, proof: Proof, reader: Reader) -> None:
        self._proof, self._reader, self._left = proof, reader, proof.timeout
        self._process: Asked | None = None

    def answer(self, path: Path) -> Answers | str:
        """Return the answers of the file, or the reason why it gives none."""
        if self._left <= 0:
            return LATE
        began = time.monotonic()
        try:
            if self._reader is Reader.SERVICE:  # a service starts by itself, and its start is a part of the proof
                proof = self._proof
                wanted = probe.ServiceProbe(proof.images, proof.rows, proof.read, proof.folder, self._left)
                return probe.answers(path, wanted)
            return self._asked(path)
        finally:
            self._left -= time.monotonic() - began

    def close(self) -> int:
        """End the process; return its exit status."""
        process, self._process = self._process, None
        return process.close() if process else 0

    def _asked(self, path: Path) -> Answers | str:
        process = self._process = self._process or self._started()
        said = self._proof.folder / f"{path.name}.npy"
        told = process.ask({"model": str(path), "answer": str(said)}, self._left)
        if told is None:
            status = self.close()
            return LATE if process.late else f"the clean process ended with status {status}"
        if told["error"]:
            return str(told["error"])
        answer: Answers = np.load(said)
        said.unlink()
        return answer

    def _started(self) -> Asked:
        proof, request = self._proof, self._proof.folder / f"verify-{self._reader}.json"
        plain = {
            "reader": self._reader,
            "images": str(proof.images),
            "rows": proof.rows.tolist(),
            "batch": BATCH,
        }
        request.write_text(json.dumps(plain), encoding="utf-8")
        return Asked([*ON_TENSORFLOW, sys.executable, "-I", str(reload.__file__), str(request)])


def judged(row: Format, answer: Answers | str, proof: Proof) -> ExportRow:
    """Compare the answers of a file with those of model.h5; `answer` may also be the reason why there are none."""
    failed = ExportRow(row.file, row.key, "failed", len(proof.rows), None, None, None, note="")
    if isinstance(answer, str):
        return replace(failed, note=answer)
    found = proof.agreement.compare(row, answer, proof.expected, proof.truth)
    return replace(
        failed,
        state="failed" if found.fault else "made",
        accuracy=found.score,
        agreement=found.agreement,
        max_difference=found.max_difference,
        note=found.fault or found.warning,
    )
