"""The formats that TensorFlow converts to, made in a child process, so that a crash does no harm."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vm_worker.exports.asked import Asked
from vm_worker.exports.convert import ConversionRequest
from vm_worker.exports.tflite_metadata import ModelFacts
from vm_worker.learn.latency import measurement

CALIBRATION = (20, 100)  # least and most training images on which the value ranges of an integer model are measured
CALIBRATION_GFLOP = 200.0  # GFLOP for all these images: the calibrator of TFLite is slow, as it runs plain loops
NO_FACTS = ModelFacts()
LATE = "the time did not suffice to make it"


@dataclass(frozen=True)
class Conversion:
    """An order for the converting child: the model, the wanted files, and the time for them."""

    model: Path  # model.h5
    paths: Mapping[str, Path]  # format -> path of its file, in the order in which they are made
    images: Path  # .npy, (n, size, size, 3) uint8
    shown: NDArray[np.int64]  # rows of the training images on which the value ranges of an integer model are measured
    folder: Path  # folder for scratch files
    seconds: float  # time limit for all files together
    facts: ModelFacts = NO_FACTS  # what TFLite files tell of the model


@dataclass(frozen=True)
class Made:
    """The outcome of making one format."""

    note: str = ""  # the reason why it failed; empty: the file exists
    seconds: float = 0.0


def convert(conversion: Conversion) -> Generator[tuple[str, Made], None, None]:
    """Convert; yield each format when it has ended. A crash fails one format, and a new child makes the others."""
    end, child = time.monotonic() + conversion.seconds, None
    try:
        for key, path in conversion.paths.items():
            began = time.monotonic()
            if began >= end:
                yield key, Made(LATE)
                continue
            child = child or _child(conversion)
            told = child.ask({"format": key, "path": str(path)}, end - began)
            taken = round(time.monotonic() - began, 2)
            if told is None:
                status, late, child = child.close(), child.late, None
                yield key, Made(LATE if late else f"the conversion ended with status {status}", taken)
            else:
                yield key, Made(str(told["note"]), taken)
    finally:
        if child:
            child.close()


def calibration(train: NDArray[np.int64], gflops: float) -> NDArray[np.int64]:
    """Choose training images to measure value ranges on, evenly over the classes; fewer for a heavy network.

    `train` (n,) are rows of the training images, class by class; `gflops` is the work for one image.
    """
    number = min(len(train), int(np.clip(CALIBRATION_GFLOP / gflops, *CALIBRATION)))
    return np.asarray(train[np.linspace(0, len(train) - 1, number).astype(np.int64)], np.int64)


def _child(conversion: Conversion) -> Asked:
    request = conversion.folder / "convert.json"
    told = ConversionRequest(conversion.model, conversion.images, tuple(conversion.shown.tolist()), conversion.facts)
    request.write_text(json.dumps(told.to_json()), encoding="utf-8")
    return Asked([*measurement.ON_TENSORFLOW, sys.executable, "-m", "vm_worker.exports.convert", str(request)])
