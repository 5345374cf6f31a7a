"""`modelmail predict`: the class of photos, or the objects in them, by a delivered model."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.cli.networks import CannotOpenError, Network, absent, open_network
from infra.cli.screen import Screen
from infra.local.environment import hush_tensorflow
from jobs import wording
from jobs.errors import ModelmailError
from vm_worker.evaluation.tables import harmless
from vm_worker.exports.service.runtime.bundle import from_zip
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.images import read_square
from vm_worker.intake.names import is_litter, is_photo

BATCH = 32  # photos in a batch; all batches have one shape, so TensorFlow traces one graph
KERAS_SUFFIXES = (".h5", ".keras")
COLUMNS = ("image", "class", "probability", "sure", "error")


@dataclass(frozen=True)
class Question:
    """The command line of a prediction."""

    model: Path
    images: list[Path]  # photos, and folders of photos
    unsure: float | None = None  # below this probability the answer is "not sure"; None: the value in the report
    as_json: bool = False
    as_csv: bool = False
    as_coco: bool = False  # of a detector
    trust: bool = False  # open a model that is a program, too


@dataclass(frozen=True)
class Prediction:
    """The answer of the model for one photo; None where the photo could not be read."""

    image: str
    label: str | None = None
    probability: float | None = None  # probability of the class, 0..1
    sure: bool | None = None
    error: str | None = None

    def to_json(self) -> dict[str, str | float | None]:
        """Return a row of the answer."""
        return {
            "image": self.image,
            "class": self.label,
            "probability": self.probability,
            "error": self.error,
            "sure": self.sure,
        }


def run(question: Question) -> int:
    """Print a line for each photo; return the exit status: 0 when all could be read, 1 otherwise, 2 without a model."""
    screen = Screen(to_stderr=question.as_json or question.as_csv or question.as_coco)
    if why := absent(question.model):
        screen.say(why)
        return 2
    if question.model.with_name("detection.json").is_file():
        return _count(question, screen)
    if question.as_coco:
        screen.say("Only a model that finds objects, with detection.json beside it, answers in COCO's format.")
        return 2
    return _classify(question, screen)


def _count(question: Question, screen: Screen) -> int:
    from infra.cli import counting

    if question.model.suffix not in KERAS_SUFFIXES:
        screen.say(f"{question.model} is no Keras model. Give the model.h5 or model.keras beside it.")
        return 2
    hush_tensorflow()
    wanted = counting.Wanted(question.as_json, question.as_csv, question.as_coco)
    return counting.run(question.model, photos_in(question.images), wanted)


def _classify(question: Question, screen: Screen) -> int:
    rows = []
    try:
        network = open_network(question.model, question.trust)
        report, photos = _report(question.model), photos_in(question.images)
        for row in predictions(network, photos, _threshold(question, report), _grey_white(report)):
            rows.append(row)
            screen.say(f"{wording.clean(row.image)}  {_answer(row)}")
    except CannotOpenError as error:
        screen.say(str(error))
        return 2
    if not rows:
        screen.say("No photos were found there.")
    _print(question, rows)
    return 1 if not rows or any(row.error for row in rows) else 0


def predictions(
    network: Network, images: Iterable[Path], threshold: float, grey_white: int = GREY_16_MAX
) -> Iterator[Prediction]:
    """Yield an answer for each image. An answer is sure from the threshold on.

    `grey_white` is the value that is white in a grey picture of 16 bits.
    """
    for image, error, answer in answers(network, images, grey_white):
        if answer is None:
            yield Prediction(str(image), error=error)
            continue
        best = int(answer.argmax())
        probability = float(answer[best])
        yield Prediction(str(image), network.labels[best], probability, probability >= threshold)


def answers(
    network: Network, images: Iterable[Path], grey_white: int = GREY_16_MAX
) -> Iterator[tuple[Path, str | None, npt.NDArray[np.float32] | None]]:
    """Yield each image with the probabilities (classes,) that the model gives, or with why it could not be read."""
    rest = iter(images)
    while some := list(islice(rest, BATCH)):
        squares = np.zeros((BATCH, network.size, network.size, 3), np.float32)
        errors = [_read(image, squares[place], grey_white) for place, image in enumerate(some)]
        # A small batch is filled up to the full shape, and the additional results are thrown away.
        said = network.say(squares if len(some) > 1 else squares[:1])
        for image, error, answer in zip(some, errors, said, strict=False):
            yield image, error, None if error is not None else np.asarray(answer, np.float32)


def _read(image: Path, into: npt.NDArray[np.float32], grey_white: int) -> str | None:
    """Decode the photo into a square; return the reason why it cannot be read, or None."""
    try:
        into[:] = read_square(image, len(into), grey_white)
    except (ModelmailError, OSError) as error:
        return str(error)
    return None


def photos_in(given: Iterable[Path]) -> Iterator[Path]:
    """Yield each given file; of a folder, all photos by their names or first bytes, sorted by name."""
    for path in given:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            inside = file.relative_to(path).parts
            if not is_litter(inside) and file.is_file() and is_photo(file.name, partial(_head, file)):
                yield file


def _head(file: Path, count: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(count)
    except OSError:  # without permission to read it
        return b""


def _report(model: Path) -> Any:
    """Return the report beside a model, or what a service.pyz knows of it; an empty one where nothing can be read."""
    try:
        if model.suffix == ".pyz":
            about = from_zip(model).about
            return {"unsure": {"threshold": about.get("threshold")}, "dataset": {"grey_white": about.get("grey_white")}}
        return json.loads(model.with_name("report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, AttributeError):
        return {}


def threshold_of(model: Path) -> float:
    """Return the probability below which the report beside a model says "not sure"; 0 without a report."""
    return _reported(_report(model))


def grey_white_of(model: Path) -> int:
    """Return the value that was white in pictures of 16 bits when the model beside its report was trained."""
    return _grey_white(_report(model))


def _threshold(question: Question, report: Any) -> float:
    """Return the probability below which the answer is "not sure"."""
    return _reported(report) if question.unsure is None else question.unsure


def _reported(report: Any) -> float:
    try:
        return float(report["unsure"]["threshold"] or 0.0)
    except (ValueError, KeyError, TypeError):  # a model without a report
        return 0.0


def _grey_white(report: Any) -> int:
    """Return the value that was white in pictures of 16 bits when the model was trained."""
    try:
        return int(report["dataset"].get("grey_white") or GREY_16_MAX)
    except (ValueError, KeyError, TypeError, AttributeError):
        return GREY_16_MAX


def _print(question: Question, rows: Sequence[Prediction]) -> None:
    if question.as_json:
        sys.stdout.write(json.dumps({"predictions": [row.to_json() for row in rows]}) + "\n")
    if question.as_csv:
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(COLUMNS)
        # A spreadsheet could read the name of a file as a formula.
        table.writerows([harmless(cells[key]) for key in COLUMNS] for cells in (row.to_json() for row in rows))
        sys.stdout.write(out.getvalue())


def _answer(row: Prediction) -> str:
    if row.label is None:
        return str(row.error)
    said = f"{wording.name(row.label)}  {wording.percent(row.probability, 1)}"
    return said if row.sure else f"not sure (perhaps {said})"
