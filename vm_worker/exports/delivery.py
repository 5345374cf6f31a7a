"""The delivery of a model: make every requested format that the time allows, and prove each file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Semaphore

import numpy as np
from numpy.typing import NDArray

from jobs.errors import Bug
from vm_worker.events import ProgressCallback
from vm_worker.exports import clean, conversion, files, formats
from vm_worker.exports.conversion import Conversion, Made
from vm_worker.exports.formats import FORMATS, Format, Pace, Reader
from vm_worker.exports.service import base
from vm_worker.exports.service.runtime.bundle import PLAIN, About, Bundle, add
from vm_worker.exports.tflite_metadata import ModelFacts
from vm_worker.exports.verify import Proof, prove
from vm_worker.learn.latency import measurement
from vm_worker.results.exported import ExportRow, Latency

BACKLOG = 0.5  # largest share of the proofs that is still to come when the last file is made; measured: 0.4
LEAST_TOOK = 0.5  # least share of the estimate that later formats are expected to take
LANES = 2  # processes that work at the same time: much of their work uses one core


@dataclass(frozen=True)
class Order:
    """An order: a finished model, and the files to make of it."""

    folder: Path  # the folder that holds model.h5 and receives the other files
    formats: tuple[Format, ...]
    proof: Proof
    train: NDArray[np.int64]  # rows of the training images, class by class
    classes: tuple[str, ...]
    about: About  # the facts about the model that its service shows
    pace: Pace
    seconds: float  # time for all files; .h5 is made and proved even when it is 0
    tell: ProgressCallback
    proved: tuple[ExportRow, ...] = ()  # files that were made and proved before
    task: str = PLAIN  # the kind of the model, a name of jobs/tasks.py
    settings: bytes = b""  # the file that turns the model's output into answers, where the task has one


def deliver(order: Order) -> list[ExportRow]:
    """Make and prove the formats; return a row for each.

    A format that fails or does not fit into the time has a row with a note. It raises no error, even for model.h5.
    """
    end, began = time.monotonic() + order.seconds, time.monotonic()
    before = {row.format: row for row in order.proved}
    done, new = _Done({key: _made_before(row) for key, row in before.items()}, before), _first(order)
    while new or (new := formats.hoped(order.formats, done.made, end - time.monotonic(), order.pace)):
        done = done.joined(_made(order, new, end, len(done.made)))
        new = _later(order, done, began, end)
    rows = [_late(done.proved.get(row.key) or _absent(row, done.made.get(row.key))) for row in order.formats]
    return [_measured(order.folder / row.name, row, done.made) for row in _timed(order, rows, end)]


def _first(order: Order) -> list[Format]:
    """Return the formats that are made first: all that fit into the time, by a guess."""
    if not order.proved:
        return formats.fitting(order.formats, order.seconds, order.pace)
    return formats.later(order.formats, [row.format for row in order.proved], order.seconds, order.pace)


def _made_before(row: ExportRow) -> Made:
    return Made("" if row.state == "made" else row.note)


@dataclass(frozen=True)
class _Done:
    """The formats that were made or have failed, and the rows of those that were proved."""

    made: Mapping[str, Made]
    proved: Mapping[str, ExportRow]

    def joined(self, other: _Done) -> _Done:
        """Return these formats and the others."""
        return _Done({**self.made, **other.made}, {**self.proved, **other.proved})


def _later(order: Order, done: _Done, began: float, end: float) -> list[Format]:
    """Return the formats that were left out, but fit into the time that is left.

    Their estimate was a guess before the first file was made; it is corrected by what the others took.
    """
    now, before = time.monotonic(), {row.format for row in order.proved}
    took = (now - began) / formats.seconds([FORMATS[key] for key in done.made if key not in before], order.pace)
    left = end - now - formats.LEAST_SECONDS * len(_timeable(order, list(done.proved.values())))
    return formats.later(order.formats, done.made, left / max(took, LEAST_TOOK), order.pace)


def _made(order: Order, chosen: Sequence[Format], end: float, before: int = 0) -> _Done:
    """Make and prove these formats, until `end` on the monotonic clock; `before` is the number of those before."""
    outcome = _Outcome(chosen, order, before)
    if files.H5 not in (row.file for row in chosen):
        left = max(0.0, end - time.monotonic())
        order = replace(order, proof=replace(order.proof, timeout=min(order.proof.timeout, left)))
    turns = Semaphore(LANES - 1)  # the converters use one core most of the time
    with ThreadPoolExecutor(len(Reader) + 1) as aside:
        keras = aside.submit(_make_keras_files, order, outcome)
        proofs = [aside.submit(_proved, order, reader, outcome, turns) for reader in Reader]
        try:
            _convert(order, chosen, end, outcome)
        finally:
            turns.release()
            wait([keras])
            outcome.close()
    proved = {row.format: row for proof in proofs for row in proof.result()}
    return _Done({row.key: outcome.wait_for(row) for row in chosen}, proved)


def costs(keys: Sequence[str], folder: Path, seconds: float) -> dict[str, Latency]:
    """Return size and latency of these networks as TFLite models.

    Networks that are not known yet are measured while the time lasts.
    """
    measurement.measure_missing(keys, folder, seconds)
    return measurement.LatencyCache().known(keys)


class _Outcome:
    """The outcomes of the chosen formats, and the progress: making a file is one step, proving it another."""

    def __init__(self, chosen: Sequence[Format], order: Order, before: int) -> None:
        """`before` is the number of formats that were made or have failed before these."""
        self._made: dict[str, Future[Made]] = {row.key: Future() for row in chosen}
        self._steps, self._all, self._tell = 2 * before, 2 * len(order.formats), order.tell
        self._lock = Lock()

    def __contains__(self, key: str) -> bool:
        return key in self._made

    def wait_for(self, row: Format) -> Made:
        """Wait until this format has been made or has failed. Raises Bug when the exports ended before that."""
        return self._made[row.key].result()

    def made(self, key: str, made: Made) -> None:
        """Note that this format has been made or has failed."""
        self._made[key].set_result(made)
        file = FORMATS[key].file
        self._step(f"{file} could not be made" if made.note else f"Made {file}", 2 if made.note else 1)

    def proved(self, row: ExportRow) -> None:
        """Note that the proof of a file has ended."""
        self._step(f"Checked {row.name} in a clean process", 1)

    def close(self) -> None:
        """End the waiting for formats that will never be made."""
        for future in self._made.values():
            if not future.done():
                future.set_exception(Bug("the exports broke off"))

    def _step(self, message: str, steps: int) -> None:
        with self._lock:  # several threads call this
            self._steps += steps
            self._tell(self._steps / self._all, message)


def _make_keras_files(order: Order, outcome: _Outcome) -> None:
    """Make model.keras from model.h5, which exists."""
    if "h5" in outcome:
        outcome.made("h5", Made())
    if "keras" in outcome:
        outcome.made("keras", _keras(order.folder))


def _convert(order: Order, chosen: Sequence[Format], end: float, outcome: _Outcome) -> None:
    """Make the other formats, and note each in the outcome as soon as it has ended."""
    converted = [FORMATS[key] for key in formats.CONVERTED if key in outcome]
    others = [row for row in chosen if row.key not in formats.BY_KERAS]
    left = end - time.monotonic()
    proving = min(BACKLOG * formats.seconds(others, order.pace, making=False), left / 2)
    request = Conversion(
        model=order.folder / files.H5,
        paths={row.key: order.folder / row.file for row in converted},
        images=order.proof.images,
        shown=conversion.calibration(order.train, order.pace.gflops),
        folder=order.proof.folder,
        seconds=left - proving,
        facts=ModelFacts(order.about.get("title", ""), order.about.get("licence", ""), order.classes),
    )
    for key, made in conversion.convert(request):
        outcome.made(key, made)
        if key == "tflite" and "service" in outcome:
            outcome.made("service", _service(order, made))
    if "service" in outcome and "tflite" not in outcome:
        outcome.made("service", _service(order, Made()))  # its model was made before


def _proved(order: Order, reader: Reader, outcome: _Outcome, turns: Semaphore) -> list[ExportRow]:
    """Prove each file of this reader that was made."""
    rows = (row for row in order.formats if row.reader is reader and row.key in outcome)
    there = (row for row in rows if not outcome.wait_for(row).note)
    found = []
    for row in prove(order.proof, reader, there, order.folder, turns):
        found.append(row)
        outcome.proved(row)
    return found


def _keras(folder: Path) -> Made:
    began = time.monotonic()
    try:
        files.save(files.load(folder / files.H5), folder / files.KERAS)
    except Exception as error:  # the failure of one format must not end the job
        return Made(f"{type(error).__name__}: {error}"[:300])
    return Made("", time.monotonic() - began)


def _service(order: Order, tflite: Made) -> Made:
    if tflite.note == conversion.LATE:
        return tflite
    if tflite.note:
        return Made(f"it is made of model.tflite: {tflite.note}")
    began = time.monotonic()
    network, service = (order.folder / FORMATS[key].file for key in ("tflite", "service"))
    try:
        add(base.base(), Bundle(network.read_bytes(), order.classes, order.about, order.task, order.settings), service)
    except (Bug, OSError) as error:
        return Made(str(error))
    return Made("", time.monotonic() - began)


def _absent(row: Format, made: Made | None) -> ExportRow:
    """Return the row of a file that was not made."""
    state, note = ("left_out", formats.LEFT_OUT) if made is None else ("failed", made.note)
    return ExportRow(row.file, row.key, state, 0, None, None, None, note)


def _late(row: ExportRow) -> ExportRow:
    """Return the row of a file for which the time did not suffice as one that was left out; model.h5 never is."""
    if row.note not in (conversion.LATE, clean.LATE) or row.name == files.H5:
        return row
    return ExportRow(row.name, row.format, "left_out", 0, None, None, None, formats.LEFT_OUT)


def _timed(order: Order, rows: list[ExportRow], end: float) -> list[ExportRow]:
    """Return the rows with the latency of files that LiteRT runs, measured while there is time."""
    paths = _timeable(order, rows)
    left = (end - time.monotonic()) / max(1, len(paths))
    found: Mapping[Path, Latency] = {}
    if paths and left > formats.LEAST_SECONDS:
        try:
            found = measurement.measure(paths, min(measurement.MODEL_SECONDS, left / 2))
        except measurement.NotMeasured:
            found = {}
    return [replace(row, latency=found.get(order.folder / row.name)) for row in rows]


def _timeable(order: Order, rows: Sequence[ExportRow]) -> list[Path]:
    """Return the files that LiteRT runs."""
    made = (row for row in rows if row.state == "made" and FORMATS[row.format].reader is Reader.LITERT)
    return [order.folder / row.name for row in made]


def _measured(path: Path, row: ExportRow, made: Mapping[str, Made]) -> ExportRow:
    """Return the row with the size of its file, and the seconds that making the file took."""
    seconds = made.get(row.format, Made()).seconds
    return replace(row, bytes=path.stat().st_size if row.state == "made" else None, seconds=round(seconds, 2))
