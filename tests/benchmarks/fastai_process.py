"""Run `fastai_peer.py` by an interpreter that has fastai and timm: TensorFlow and torch need not live together."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tests.benchmarks.photos import Photos
from vm_worker.learn.arrays import Rows

SCRIPT = Path(__file__).with_name("fastai_peer.py")
NEEDED = "import fastai.vision.all, timm"
START_SECONDS = 300.0  # the first import compiles thousands of modules
GRACE_SECONDS = 120.0  # beyond its time; what takes so long hangs


class FastaiFailed(Exception):
    """What happened, and what to do."""


@dataclass(frozen=True)
class Request:
    """What `fastai_peer.py` reads, as JSON."""

    folder: str  # with the photos
    learnt: dict[str, int]  # class by file name
    tested: list[str]
    weights: str  # EfficientNet-Lite0 as the pip package has it
    seconds: float


@dataclass(frozen=True)
class Learnt:
    """What fastai answered: the class of each tested photo (m,), and what it trained."""

    answers: Rows
    epochs: int
    cut_off: bool


def check(python: Path) -> None:
    """Raise FastaiFailed where this interpreter cannot be started, or lacks fastai or timm.

    Modules that are not compiled yet are compiled now, and cost none of the time for learning.
    """
    _run([str(python), "-c", NEEDED], START_SECONDS, "Install both there, or name another one with --fastai-python.")


def learnt_by_fastai(python: Path, request: Request, work: Path) -> Learnt:
    """Let fastai learn and answer. Raises FastaiFailed; `work` is a folder for two small files."""
    asked, answered = work / "request.json", work / "answers.json"
    asked.write_text(json.dumps(asdict(request)), encoding="utf-8")
    command = [str(python), "-P", str(SCRIPT), str(asked), str(answered)]
    _run(command, request.seconds + GRACE_SECONDS, "Run it alone to see more.")
    return read_back(answered, len(request.tested))


def written(photos: Photos, learnt: Rows, tested: Rows, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Write the photos as files; return the class of each learnt file, and the tested files in their order."""
    folder.mkdir()
    names = {int(row): f"{row}{PurePosixPath(photos.files[row][0]).suffix}" for row in (*learnt, *tested)}
    for row, name in names.items():
        (folder / name).write_bytes(photos.files[row][1])
    return {names[int(row)]: int(photos.labels[row]) for row in learnt}, [names[int(row)] for row in tested]


def read_back(path: Path, count: int) -> Learnt:
    """Read the answers. Raises FastaiFailed where there are none, or not one for each of `count` photos."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        learnt = Learnt(np.array(found["answers"], np.int64), int(found["epochs"]), bool(found["cut_off"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FastaiFailed(f"{path.name} cannot be read: {error!r}. Run {SCRIPT.name} alone to see why.") from error
    if learnt.answers.shape != (count,):
        raise FastaiFailed(f"{path.name} has answers of shape {learnt.answers.shape}, and {count} photos were asked.")
    return learnt


def _run(command: list[str], seconds: float, advice: str) -> None:
    compiling = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # empty: modules are kept compiled
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds, env=compiling)
    except OSError as error:
        raise FastaiFailed(f"{command[0]} cannot be started: {error.strerror}. {advice}") from error
    except subprocess.TimeoutExpired as error:
        raise FastaiFailed(f"{command[0]} did not end within {seconds:.0f} s. {advice}") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise FastaiFailed(f"{command[0]} ended with {error.returncode}: {said}. {advice}") from error
