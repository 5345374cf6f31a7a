"""Proof that a model file works elsewhere: reloaded in a clean process and compared on the test images."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import Bug
from vm_worker.exports import reload

TOLERANCE = 1e-5  # of a probability, between two Keras files of one model
BATCH = 32  # images


@dataclass(frozen=True)
class Proof:
    """What to prove, and against what."""

    images: Path  # .npy, (n, size, size, 3) uint8
    rows: NDArray[np.int64]  # the test images
    expected: NDArray[np.float32]  # (m, classes) probabilities of the reloaded model.h5
    folder: Path  # scratch space
    timeout: float  # seconds


def verify(proof: Proof, models: Mapping[str, Path]) -> list[dict[str, Any]]:
    """One row a model: name, state (made | failed), max_difference, agreement (share of equal top-1), note.

    Raises Bug when the clean process itself does not run.
    """
    answers = _run(proof, models)
    return [_row(name, answers[name], proof.expected) for name in models]


def _run(proof: Proof, models: Mapping[str, Path]) -> Mapping[str, NDArray[Any]]:
    request, out = proof.folder / "verify.json", proof.folder / "verify.npz"
    plain = {
        "images": str(proof.images),
        "rows": proof.rows.tolist(),
        "batch": BATCH,
        "models": {name: str(path) for name, path in models.items()},
        "out": str(out),
    }
    request.write_text(json.dumps(plain), encoding="utf-8")
    command = [sys.executable, "-I", str(reload.__file__), str(request)]
    try:
        done = subprocess.run(command, timeout=proof.timeout, check=False)  # noqa: S603 (our own file)
    except subprocess.TimeoutExpired:
        raise Bug(f"the clean process did not end within {proof.timeout:.0f} s") from None
    if done.returncode != 0:
        raise Bug(f"the clean process ended with status {done.returncode}")
    with np.load(out) as found:
        answers = dict(found)
    request.unlink()
    out.unlink()
    return answers


def _row(name: str, answer: NDArray[Any], expected: NDArray[np.float32]) -> dict[str, Any]:
    if answer.dtype.kind == "U":
        return _judged(name, "failed", None, None, str(answer))
    if answer.shape != expected.shape:
        return _judged(name, "failed", None, None, f"gives {answer.shape} in place of {expected.shape}")
    difference = float(np.abs(answer - expected).max())
    agreement = float((answer.argmax(1) == expected.argmax(1)).mean())
    if difference > TOLERANCE:
        return _judged(name, "failed", difference, agreement, f"differs by more than {TOLERANCE:g}")
    return _judged(name, "made", difference, agreement, "")


def _judged(name: str, state: str, difference: float | None, agreement: float | None, note: str) -> dict[str, Any]:
    return {"name": name, "state": state, "max_difference": difference, "agreement": agreement, "note": note}
