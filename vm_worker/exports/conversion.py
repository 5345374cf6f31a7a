"""The formats that TensorFlow converts to, made by a child process that may die without harm."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import latency

CALIBRATION = (20, 100)  # training images that show an integer model its ranges: at least, at most
CALIBRATION_GFLOP = 200.0  # of work in all: the calibrator runs plain loops
TOLD = "told.jsonl"  # what the child has to say, in the scratch space
LATE = "the time did not suffice to make it"


@dataclass(frozen=True)
class Conversion:
    """What to convert, and until when."""

    model: Path  # model.h5
    paths: Mapping[str, Path]  # format -> where it goes, in the order of making
    images: Path  # .npy, (n, size, size, 3) uint8
    shown: NDArray[np.int64]  # rows of the images that show an integer model its ranges
    folder: Path  # scratch space
    seconds: float  # that it may take in all


@dataclass(frozen=True)
class Made:
    """What became of one format."""

    note: str = ""  # why it failed; empty: it is there
    seconds: float = 0.0


def convert(conversion: Conversion) -> dict[str, Made]:
    """Each format's outcome. A child that dies takes one format with it; the next child makes the others."""
    end = time.monotonic() + conversion.seconds
    outcome: dict[str, Made] = {}
    while left := {key: path for key, path in conversion.paths.items() if key not in outcome}:
        began = time.monotonic()
        if began >= end:
            return outcome | dict.fromkeys(left, Made(LATE))
        died = _child(conversion, left, end - began)
        outcome |= _told(conversion.folder / TOLD)
        guilty = next((key for key in left if key not in outcome), None)
        if guilty is not None:
            outcome[guilty] = Made(died or "the conversion told nothing", time.monotonic() - began)
    return outcome


def calibration(train: NDArray[np.int64], gflops: float) -> NDArray[np.int64]:
    """Evenly spread over the rows of the training images, and so over the classes; fewer for a heavy network."""
    number = min(len(train), int(np.clip(CALIBRATION_GFLOP / gflops, *CALIBRATION)))
    return np.asarray(train[np.linspace(0, len(train) - 1, number).astype(np.int64)], np.int64)


def _child(conversion: Conversion, paths: Mapping[str, Path], seconds: float) -> str:
    """How it died; empty: it did not."""
    request = conversion.folder / "convert.json"
    plain = {
        "model": str(conversion.model),
        "formats": {key: str(path) for key, path in paths.items()},
        "images": str(conversion.images),
        "rows": conversion.shown.tolist(),
        "told": str(conversion.folder / TOLD),
    }
    (conversion.folder / TOLD).unlink(missing_ok=True)
    request.write_text(json.dumps(plain), encoding="utf-8")
    command = [*latency.ON_TENSORFLOW, sys.executable, "-m", "vm_worker.exports.convert", str(request)]
    try:
        done = subprocess.run(command, timeout=seconds, check=False, stdin=subprocess.DEVNULL)  # noqa: S603 (our own)
    except subprocess.TimeoutExpired:
        return LATE
    return f"the conversion ended with status {done.returncode}" if done.returncode else ""


def _told(path: Path) -> dict[str, Made]:
    """The formats that it came to the end of."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {said["format"]: Made(said["note"], said["seconds"]) for said in map(json.loads, lines)}
