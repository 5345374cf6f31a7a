"""`modelmail export`: formats of a finished model that its job had no time for."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.cli.screen import Screen, quiet
from infra.cli.serve import about
from infra.local.environment import hush_tensorflow
from jobs import wording
from jobs.errors import ModelmailError, UserError
from jobs.limits import Limits
from jobs.options import Options, parse_options
from vm_worker.exports import files, formats
from vm_worker.exports.formats import FORMATS, Pace
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.results.exported import ExportRow
from vm_worker.tasks.classification.truth import ClassTruth
from vm_worker.tasks.task import load
from vm_worker.tasks.uploads import take_in

SECONDS = 3600.0  # time limit; a heavy network on a slow machine takes some minutes
PATTERNS = 64  # made-up pictures that files are proved on where there are no photos
PATTERN_CELLS = 7  # squares of one colour along the side of such a picture
GFLOPS = 0.5  # GFLOP of a photo, assumed where the network is not known; it chooses the number of calibration photos
SPEED = 10.0  # photos a second, assumed: there is time enough
DECODERS = 2
BATCH = 16
SOURCE = "Made model.h5"  # a message of the first step, which is done
MADE, NOT_MADE, WRONG = 0, 1, 2  # exit statuses


@dataclass(frozen=True)
class Wish:
    """The command line of an export."""

    folder: Path  # folder of a job's files
    formats: str | None = None  # names, separated by commas; None: those that the report names as not made
    photos: Path | None = None  # the job's own zip or folder of photos
    as_json: bool = False


@dataclass(frozen=True)
class Pictures:
    """The pictures that files are proved on, and those that value ranges are measured on."""

    images: Path  # .npy, (n, size, size, 3) uint8
    proved: NDArray[np.int64]  # rows of the former
    train: NDArray[np.int64]  # rows of the latter
    truth: Any  # the true answers of the former; None: not known


def run(wish: Wish) -> int:
    """Make the formats, prove each, and print a line for each; return the exit status."""
    screen = Screen(to_stderr=wish.as_json)
    try:
        report = _report(wish.folder)
        wanted = _wanted(wish, report)
    except (ValueError, ModelmailError) as error:
        screen.say(str(error))
        return WRONG
    if not wanted:
        screen.say("The job has made all its formats; name others with --formats.")
        return MADE
    hush_tensorflow()
    with tempfile.TemporaryDirectory(prefix="modelmail-") as scratch:
        try:
            rows = _made(wish, wanted, report, Path(scratch), screen)
        except (ModelmailError, ValueError, OSError) as error:
            screen.say(str(error))
            return NOT_MADE
    for row in rows:
        screen.say(_line(row))
    if wish.as_json:
        sys.stdout.write(json.dumps({"exports": [row.to_json() for row in rows]}) + "\n")
    return MADE if all(row.state == "made" for row in rows) else NOT_MADE


def _report(folder: Path) -> Mapping[str, Any]:
    """Return the job's report, empty where there is none. Raises ValueError for a folder without a model."""
    for name in (files.H5, files.LABELS):
        if not (folder / name).is_file():
            raise ValueError(f"There is no {folder / name}: give the folder that holds the job's files.")
    if (folder / "detection.json").is_file():
        raise ValueError(f"{folder} holds a detector; further formats of one cannot be made here yet.")
    path = folder / "report.json"
    if not path.is_file():
        return {}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        report = None
    if not isinstance(report, dict):
        raise ValueError(f"{path} is no report of a job.")
    return report


def _wanted(wish: Wish, report: Mapping[str, Any]) -> list[str]:
    """Return the names of the formats to make. Raises UserError `bad_option`."""
    if wish.formats is None:
        rows = report.get("exports") or [{"format": key, "state": ""} for key in FORMATS]
        names = [row["format"] for row in rows if row["state"] != "made" and row["format"] in FORMATS]
    else:
        try:
            names = list(parse_options({"exports": wish.formats}, Limits()).exports)
        except UserError as error:
            raise UserError(error.code, error.message.replace("exports", "--formats")) from error
    names = [row.key for row in formats.wanted(names) if row.key != "h5"] if names else []
    if "tflite_int8" in names and wish.photos is None:
        if wish.formats is not None:
            raise ValueError("tflite_int8 measures its numbers on photos: add --photos with the zip of the job.")
        names.remove("tflite_int8")
    return names


def _made(
    wish: Wish, wanted: Sequence[str], report: Mapping[str, Any], scratch: Path, screen: Screen
) -> list[ExportRow]:
    """Make the files in the scratch folder, and move those that pass to the job's folder."""
    from vm_worker.exports import delivery
    from vm_worker.exports.verify import Proof

    labels = tuple((wish.folder / files.LABELS).read_text(encoding="utf-8").removesuffix("\n").split("\n"))
    shutil.copyfile(wish.folder / files.H5, scratch / files.H5)
    model = files.load(scratch / files.H5)
    size = int(model.input_shape[1])
    if model.output_shape[1:] != (len(labels),):
        raise ValueError(f"{files.LABELS} has {len(labels)} lines, and the model {model.output_shape[-1]} answers.")
    options = Options.from_json(report.get("job", {}).get("options", {}))
    pictures = _patterns(size, scratch) if wish.photos is None else _photos(wish.photos, size, options, labels, scratch)
    expected = _answers(model, pictures)
    truth = ClassTruth(labels, expected.argmax(1)) if pictures.truth is None else pictures.truth
    agreement = load(report.get("task", "classification")).agreement
    order = delivery.Order(
        folder=scratch,
        formats=tuple(formats.wanted(wanted)),
        proof=Proof(pictures.images, pictures.proved, truth, expected, agreement, scratch, SECONDS),
        train=pictures.train,
        classes=labels,
        about=about(report),
        pace=Pace(SPEED, GFLOPS, len(pictures.proved)),
        seconds=SECONDS,
        tell=lambda fraction, message: screen.say(message) if message != SOURCE else None,
    )
    with quiet(screen):
        rows = [row for row in delivery.deliver(order) if row.format in wanted]
    for row in rows:
        if row.state == "made":
            shutil.move(scratch / row.name, wish.folder / row.name)
    return rows


def _photos(photos: Path, size: int, options: Options, labels: tuple[str, ...], scratch: Path) -> Pictures:
    """Return the test photos and the training photos, split as the job split them. Raises UserError, ValueError."""
    cache = scratch / "photos"
    cache.mkdir()
    request = IntakeRequest(photos, cache, (size,), options.seed, Limits(), DECODERS)
    dataset: Dataset[Any] = take_in(request, lambda *_: None, options)
    if dataset.truth.names != labels:
        raise ValueError(f"{photos} has other classes than the model, which has {', '.join(labels)}.")
    test = dataset.rows(Part.TEST)
    return Pictures(dataset.images[size], test, dataset.rows(Part.TRAIN), dataset.truth.take(test))


def _patterns(size: int, scratch: Path) -> Pictures:
    """Return made-up pictures of coloured squares, which files are compared on where there are no photos."""
    cells = np.random.default_rng(0).integers(0, 256, (PATTERNS, PATTERN_CELLS, PATTERN_CELLS, 3), np.uint8)
    along = np.arange(size) * PATTERN_CELLS // size
    path = scratch / "patterns.npy"
    np.save(path, cells[:, along][:, :, along])
    rows = np.arange(PATTERNS)
    return Pictures(path, rows, rows, None)


def _answers(model: Any, pictures: Pictures) -> NDArray[np.float32]:
    """Return the probabilities (m, classes) that model.h5 gives for the pictures."""
    images = np.load(pictures.images, mmap_mode="r")
    parts = [
        model.predict_on_batch(images[pictures.proved[start : start + BATCH]].astype(np.float32))
        for start in range(0, len(pictures.proved), BATCH)
    ]
    return np.concatenate(parts)


def _line(row: ExportRow) -> str:
    if row.state != "made":
        return f"{row.name}  not made: {row.note}"
    same = (
        "" if row.agreement is None else f", {wording.percent(row.agreement, 1)} of its answers are those of model.h5"
    )
    return f"{row.name}  {wording.size(row.bytes)}{same}"
