"""The bundle of a service: the model, its labels and some facts about it, in the zip or in a job's folder."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from jobs.tasks import TASKS

MODEL, LABELS, ABOUT = "model.tflite", "labels.txt", "about.json"
FOLDER = "modelmail"  # folder inside the zip
PLAIN = "classification"  # the task of a model without a file of settings


class About(TypedDict, total=False):
    """The known facts about the model. A key may be missing."""

    title: str
    accuracy: float  # accuracy on the test photos, 0..1
    interval: Sequence[float]  # lower and upper bound of the accuracy's 95 % confidence interval
    threshold: float | None  # probability from which an answer is sure, 0..1; None: each answer is
    job: str
    made_at: str  # time in ISO 8601
    licence: str  # licence of the pretrained weights
    count_error: float  # of a detector: mean error of the number of objects in a test photo
    labelled: int  # of a detector: objects in the test photos
    found: int  # of those
    grey_white: int  # the value that is white in grey pictures of 16 bits, where it is not that of all 16 bits


@dataclass(frozen=True)
class Bundle:
    """A model with the known facts about it."""

    model: bytes
    labels: tuple[str, ...]
    about: About
    task: str = PLAIN  # a name of jobs/tasks.py: the kind of the model
    settings: bytes = b""  # the file that turns the model's output into answers, where the task has one


def from_zip(path: Path) -> Bundle:
    """Return the bundle in a service.pyz. Raises ValueError when there is none in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _bundle(lambda name: archive.read(f"{FOLDER}/{name}"))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} holds no model") from error


def from_folder(folder: Path) -> Bundle:
    """Return the bundle of a job's files. Raises ValueError with the name of a missing file."""

    def read(name: str) -> bytes:
        path = folder / name
        if not path.is_file():
            raise ValueError(f"there is no {path}")
        return path.read_bytes()

    return _bundle(read)


def add(base: Path, bundle: Bundle, out: Path) -> Path:
    """Write a service.pyz, which is the base with this bundle after its other entries."""
    out.write_bytes(base.read_bytes())
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        # Weights are not compressed: they would hardly shrink, and every start would have to unpack them.
        archive.writestr(f"{FOLDER}/{MODEL}", bundle.model, zipfile.ZIP_STORED)
        archive.writestr(f"{FOLDER}/{LABELS}", "".join(f"{label}\n" for label in bundle.labels))
        archive.writestr(f"{FOLDER}/{ABOUT}", json.dumps(bundle.about))
        if bundle.settings:
            archive.writestr(f"{FOLDER}/{TASKS[bundle.task].settings}", bundle.settings)
    out.chmod(0o755)
    return out


def _bundle(read: Callable[[str], bytes]) -> Bundle:
    labels = read(LABELS).decode("utf-8").removesuffix("\n").split("\n")
    try:
        about = json.loads(read(ABOUT))
    except (KeyError, ValueError):
        about = {}
    task, settings = _settings(read)
    return Bundle(read(MODEL), tuple(labels), about, task, settings)


def _settings(read: Callable[[str], bytes]) -> tuple[str, bytes]:
    """Return the task whose file of settings there is, and the file."""
    for row in TASKS.values():
        if row.settings:
            with suppress(KeyError, ValueError):
                return row.name, read(row.settings)
    return PLAIN, b""
