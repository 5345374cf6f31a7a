"""What the export stage does: make every format that was asked for and that the time allows, and prove each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.errors import Bug
from vm_worker.exports import conversion, files, formats
from vm_worker.exports.conversion import Conversion, Made
from vm_worker.exports.formats import Format, Pace, Reader
from vm_worker.exports.service import base
from vm_worker.exports.service.runtime.bundle import Bundle, add
from vm_worker.exports.verify import Proof, verify
from vm_worker.learn import latency

Row = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """A finished model, and what is to be made of it."""

    folder: Path  # model.h5 lies here; the others come here
    formats: tuple[Format, ...]
    proof: Proof
    train: NDArray[np.int64]  # rows of the training images, class by class
    classes: tuple[str, ...]
    about: Mapping[str, Any]  # of the service: title, accuracy, interval, made_at, licence
    pace: Pace
    seconds: float  # left for all of it; with none, .h5 and .keras are made and proved all the same


def deliver(order: Order) -> list[Row]:
    """One row a format: name, format, state (made | failed | left_out), bytes, the figures of its proof, latency, note.

    A format that fails or does not fit into the time is named, not raised; model.h5 among them.
    """
    end = time.monotonic() + order.seconds
    chosen = formats.fitting(order.formats, order.seconds, order.pace)
    with ThreadPoolExecutor(1) as aside:
        # The converters use one core most of the time: what is there already is proved beside them.
        converting = aside.submit(_converted, order, chosen, end)
        outcome = _of_keras(order, chosen)
        proved = _proved(order, chosen, outcome)
        converted = converting.result()
    proved |= _proved(order, chosen, converted)
    outcome |= converted
    rows = [proved.get(row.key) or _absent(row, outcome.get(row.key)) for row in order.formats]
    return [row | _measures(order.folder / row["name"], row, outcome) for row in _timed(order, rows, end)]


def costs(keys: Sequence[str], folder: Path, seconds: float) -> dict[str, Any]:
    """Size and latency of these networks as TFLite models, as far as they are known or the time goes."""
    latency.fill(keys, folder, seconds)
    return {"costs": latency.Memory().known(keys), "machine": latency.machine()}


def _of_keras(order: Order, chosen: Sequence[Format]) -> dict[str, Made]:
    return {"h5": Made()} | ({"keras": _keras(order.folder)} if "keras" in {row.key for row in chosen} else {})


def _converted(order: Order, chosen: Sequence[Format], end: float) -> dict[str, Made]:
    """The other formats."""
    others = [row for row in chosen if row.key not in formats.ALWAYS]
    proving = formats.seconds(others, order.pace, making=False)
    paths = {row.key: order.folder / row.file for row in others if row.key in formats.CONVERTED}
    request = Conversion(
        model=order.folder / files.H5,
        paths=paths,
        images=order.proof.images,
        shown=conversion.calibration(order.train, order.pace.gflops),
        folder=order.proof.folder,
        seconds=end - time.monotonic() - proving,
    )
    outcome = conversion.convert(request) if paths else {}
    if "service" in {row.key for row in others}:
        outcome["service"] = _service(order, outcome["tflite"])
    return outcome


def _proved(order: Order, chosen: Sequence[Format], outcome: Mapping[str, Made]) -> dict[str, Row]:
    """A row for each of these that was made."""
    there = [row for row in chosen if row.key in outcome and not outcome[row.key].note]
    return {row["format"]: row for row in verify(order.proof, there, order.folder)}


def _keras(folder: Path) -> Made:
    began = time.monotonic()
    try:
        files.save(files.load(folder / files.H5), folder / files.KERAS)
    except Exception as error:  # one format's failure is not the job's
        return Made(f"{type(error).__name__}: {error}"[:300])
    return Made("", time.monotonic() - began)


def _service(order: Order, tflite: Made) -> Made:
    if tflite.note:
        return Made(f"it is made of model.tflite: {tflite.note}")
    began = time.monotonic()
    network, service = (order.folder / formats.FORMATS[key].file for key in ("tflite", "service"))
    try:
        add(base.base(), Bundle(network.read_bytes(), order.classes, dict(order.about)), service)
    except (Bug, OSError) as error:
        return Made(str(error))
    return Made("", time.monotonic() - began)


def _absent(row: Format, made: Made | None) -> Row:
    """The row of a file that is not there."""
    nothing = dict.fromkeys(("accuracy", "agreement", "max_difference"))
    state, note = ("left_out", formats.LEFT_OUT) if made is None else ("failed", made.note)
    return {"name": row.file, "format": row.key, "state": state, "images": 0, **nothing, "note": note}


def _timed(order: Order, rows: list[Row], end: float) -> list[Row]:
    """With the latency of what LiteRT runs, while there is time."""
    paths = [
        order.folder / row["name"]
        for row in rows
        if row["state"] == "made" and formats.FORMATS[row["format"]].reader is Reader.LITERT
    ]
    left = (end - time.monotonic()) / max(1, len(paths))
    found: Mapping[Path, Any] = {}
    if paths and left > formats.LEAST_SECONDS:
        try:
            found = latency.measure(paths, min(latency.MODEL_SECONDS, left / 2))
        except latency.NotMeasured:
            found = {}
    return [row | {"latency": found.get(order.folder / row["name"])} for row in rows]


def _measures(path: Path, row: Row, outcome: Mapping[str, Made]) -> Row:
    made = outcome.get(row["format"], Made())
    return {"bytes": path.stat().st_size if row["state"] == "made" else None, "seconds": round(made.seconds, 2)}
