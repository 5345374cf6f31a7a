"""`modelmail predict`: class and probability of photos, by a delivered model."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from infra.cli.screen import Screen
from infra.local.environment import hush_tensorflow
from jobs import wording
from jobs.errors import ModelmailError
from vm_worker.evaluation.tables import harmless
from vm_worker.exports import files
from vm_worker.intake.images import read_square
from vm_worker.intake.names import is_litter, may_be_photo

BATCH = 32  # photos; one shape, so one graph
COLUMNS = ("image", "class", "probability", "sure", "error")


@dataclass(frozen=True)
class Question:
    """The command line of a prediction."""

    model: Path
    images: list[Path]  # photos, and folders of them
    unsure: float | None = None  # below this probability the answer is "not sure"; None: what the report says
    as_json: bool = False
    as_csv: bool = False


def run(question: Question) -> int:
    """Print a line for each photo; returns the exit status: 0 when all could be read, 1 else, 2 without a model."""
    screen = Screen(to_stderr=question.as_json or question.as_csv)
    labels = question.model.with_name("labels.txt")
    for path in (question.model, labels):
        if not path.is_file():
            screen.say(f"There is no {path}.")
            return 2
    hush_tensorflow()
    try:
        network = files.load(question.model)
    except (ValueError, OSError) as error:
        screen.say(f"{question.model} is no Keras model: {error}")
        return 2
    names = labels.read_text(encoding="utf-8").split("\n")
    threshold = _threshold(question)
    rows = []
    for row in predictions(network, names, _photos(question.images)):
        row["sure"] = None if row["error"] else row["probability"] >= threshold
        rows.append(row)
        screen.say(f"{row['image']}  {_answer(row)}")
    if not rows:
        screen.say("No photos were found there.")
    _print(question, rows)
    return 1 if not rows or any(row["error"] for row in rows) else 0


def predictions(network: Any, labels: list[str], images: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """One row for each image, by a Keras model.

    `image`, `class`, `probability` (0..1) and `error`; None where there is nothing to say.
    """
    size = network.input_shape[1]
    rest = iter(images)
    while some := list(islice(rest, BATCH)):
        rows, squares = [], np.zeros((BATCH, size, size, 3), np.float32)
        for place, image in enumerate(some):
            row: dict[str, Any] = {"image": str(image), "class": None, "probability": None, "error": None}
            try:
                squares[place] = read_square(image, size)
            except (ModelmailError, OSError) as error:
                row["error"] = str(error)
            rows.append(row)
        # A single photo needs no full batch: what is filled up is thrown away.
        answers = network.predict_on_batch(squares if len(some) > 1 else squares[:1])
        for row, answer in zip(rows, answers, strict=False):
            if row["error"] is None:
                best = int(answer.argmax())
                row |= {"class": labels[best], "probability": float(answer[best])}
            yield row


def _photos(given: Iterable[Path]) -> Iterator[Path]:
    """Each file as it is given; of a folder whatever is named like a photo, in the order of the names."""
    for path in given:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            inside = file.relative_to(path).parts
            if file.is_file() and may_be_photo(file.name) and not is_litter(inside):
                yield file


def _threshold(question: Question) -> float:
    """Below this probability the model is better not believed."""
    if question.unsure is not None:
        return question.unsure
    try:
        report = json.loads(question.model.with_name("report.json").read_text(encoding="utf-8"))
        return float(report["unsure"]["threshold"] or 0.0)
    except (OSError, ValueError, KeyError, TypeError):  # a model without its report
        return 0.0


def _print(question: Question, rows: list[dict[str, Any]]) -> None:
    if question.as_json:
        sys.stdout.write(json.dumps({"predictions": rows}) + "\n")
    if question.as_csv:
        out = io.StringIO()
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        # A file may be named like a formula.
        table.writerows({key: harmless(row[key]) for key in COLUMNS} for row in rows)
        sys.stdout.write(out.getvalue())


def _answer(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return str(row["error"])
    said = f"{wording.name(row['class'])}  {wording.percent(row['probability'], 1)}"
    return said if row["sure"] else f"not sure (perhaps {said})"
