"""Proof that a model file works elsewhere: reloaded in a clean process and compared on the test images."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports import reload
from vm_worker.exports.formats import Format, Reader
from vm_worker.exports.service import trial

BATCH = 16  # images: 32 of them take Keras a third longer each where a processor's cache is small
LANES = 2  # processes at a time: much of what they do uses one core
FORGIVEN = 1  # of a few dozen photos one is more than 1 %
LOSS_WARNED = 0.01  # of accuracy

Said = NDArray[np.float32]


@dataclass(frozen=True)
class Proof:
    """What to prove, and against what."""

    images: Path  # .npy, (n, size, size, 3) uint8
    rows: NDArray[np.int64]  # the test images
    labels: NDArray[np.int64]  # (m,) what they are
    expected: Said  # (m, classes) probabilities of the reloaded model.h5
    folder: Path  # scratch space
    timeout: float  # seconds, for all of them


def verify(proof: Proof, formats: Sequence[Format], folder: Path) -> list[dict[str, Any]]:
    """One row a file of the folder: name, format, state (made | failed), accuracy, agreement, max_difference, note.

    `agreement` is the share of images with the same first answer, `max_difference` is of a probability.
    """
    end = time.monotonic() + proof.timeout
    answers: dict[str, Said | str] = {}
    # Each kind of reader has a process of its own: one imports TensorFlow, the others start at once.
    with ThreadPoolExecutor(LANES) as lanes:
        for found in lanes.map(lambda reader: _read(proof, reader, formats, folder, end), Reader):
            answers |= found
    return [judged(row, answers[row.file], proof) for row in formats]


def _read(proof: Proof, reader: Reader, formats: Sequence[Format], folder: Path, end: float) -> dict[str, Said | str]:
    """What the files of one reader say."""
    paths = {row.file: folder / row.file for row in formats if row.reader is reader}
    if reader is Reader.SERVICE:
        return {name: trial.answers(path, _trial(proof, end)) for name, path in paths.items()}
    return _answers(proof, reader, paths, end)


def _trial(proof: Proof, end: float) -> trial.Trial:
    return trial.Trial(proof.images, proof.rows, proof.folder, end - time.monotonic())


def _answers(proof: Proof, reader: Reader, paths: Mapping[str, Path], end: float) -> dict[str, Said | str]:
    """What each file says, or why it says nothing. One that ends the process does not take the next with it."""
    answers: dict[str, Said | str] = {}
    while left := {name: path for name, path in paths.items() if name not in answers}:
        died = _run(proof, reader, left, end - time.monotonic())
        found = {name: _answer(proof.folder, name) for name in left}
        answers |= {name: said for name, said in found.items() if said is not None}
        guilty = next((name for name in left if name not in answers), None)
        if guilty is not None:
            answers[guilty] = died or "it said nothing"
    return answers


def _answer(folder: Path, name: str) -> Said | str | None:
    said, error = folder / f"{name}.npy", folder / f"{name}.txt"
    if error.exists():
        text = error.read_text(encoding="utf-8")
        error.unlink()
        return text
    if not said.exists():
        return None
    answer: Said = np.load(said)
    said.unlink()
    return answer


def _run(proof: Proof, reader: Reader, paths: Mapping[str, Path], seconds: float) -> str:
    """How the clean process died; empty: it did not."""
    request = proof.folder / f"verify-{reader}.json"
    plain = {
        "reader": reader,
        "images": str(proof.images),
        "rows": proof.rows.tolist(),
        "batch": BATCH,
        "models": {name: str(path) for name, path in paths.items()},
        "folder": str(proof.folder),
    }
    request.write_text(json.dumps(plain), encoding="utf-8")
    command = [sys.executable, "-I", str(reload.__file__), str(request)]
    try:
        done = subprocess.run(command, timeout=max(0.0, seconds), check=False)  # noqa: S603 (our own file)
    except subprocess.TimeoutExpired:
        return "the time did not suffice to prove it: the clean process did not end"
    finally:
        request.unlink()
    return f"the clean process ended with status {done.returncode}" if done.returncode else ""


def judged(row: Format, answer: Said | str, proof: Proof) -> dict[str, Any]:
    """The row of one file."""
    told: dict[str, Any] = {"name": row.file, "format": row.key, "state": "failed", "images": len(proof.rows)}
    told |= {"accuracy": None, "agreement": None, "max_difference": None, "note": ""}
    if isinstance(answer, str):
        return told | {"note": answer}
    if answer.shape != proof.expected.shape or not np.isfinite(answer).all():
        return told | {"note": f"gives {answer.shape} in place of {proof.expected.shape} probabilities"}
    same = answer.argmax(1) == proof.expected.argmax(1)
    told |= {
        "accuracy": float((answer.argmax(1) == proof.labels).mean()),
        "agreement": float(same.mean()),
        "max_difference": float(np.abs(answer - proof.expected).max()),
    }
    fault = _fault(row, told["max_difference"], int(np.sum(~(same | _close(row, proof.expected)))), len(same))
    return told | ({"note": fault} if fault else {"state": "made", "note": _warning(told, proof)})


def _close(row: Format, expected: Said) -> NDArray[np.bool_]:
    """(m,) where the two best answers are nearer to each other than the format may differ."""
    best = np.sort(expected, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0] <= 2 * (row.difference or 0.0))


def _fault(row: Format, difference: float, others: int, photos: int) -> str:
    if row.difference is not None and difference > row.difference:
        return f"differs by more than {row.difference:g}"
    allowed = 0 if row.agreement == 1 else max(FORGIVEN, round((1 - row.agreement) * photos))
    return f"another answer than model.h5 for {others} of {photos} photos" if others > allowed else ""


def _warning(told: Mapping[str, Any], proof: Proof) -> str:
    """Plain words for a file that is delivered although it is worse."""
    lost = float((proof.expected.argmax(1) == proof.labels).mean()) - told["accuracy"]
    if lost <= LOSS_WARNED + 1e-9:  # shares of photos are not exact numbers
        return ""
    return f"Less accurate than model.h5 by {100 * lost:.1f} points on the test photos: use another format if you can."
