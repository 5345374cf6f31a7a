"""Prove that a model file works elsewhere: load it in a clean process and compare its answers on the test images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports.agreement import Agreement, Answers
from vm_worker.exports.clean import CleanProcess, Place
from vm_worker.exports.formats import Format, Reader
from vm_worker.exports.service import probe
from vm_worker.intake.truth import Truth
from vm_worker.results.exported import ExportRow


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
    place = Place(proof.images, proof.folder, proof.read)
    with closing(CleanProcess(place, reader, proof.timeout)) as clean:
        for row in files:
            with turns:
                answer = clean.answers(folder / row.file, proof.rows)
            yield judged(row, answer, proof)


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
