"""The pictures on which `modelmail export` proves its files: photos of the job, or made-up ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.limits import Limits
from jobs.options import Options
from vm_worker.exports import files
from vm_worker.exports.service.runtime.bundle import PLAIN
from vm_worker.exports.verify import Proof
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.tasks.classification.agreement import SameClass
from vm_worker.tasks.classification.truth import ClassTruth
from vm_worker.tasks.detection.delivered import SETTINGS, DeliveredSettings
from vm_worker.tasks.uploads import take_in

SECONDS = 3600.0  # time limit; a heavy network on a slow machine takes some minutes
PATTERNS = 64  # made-up pictures that files are proved on where there are no photos
PATTERN_CELLS = 7  # squares of one colour along the side of such a picture
DECODERS = 2
BATCH = 16


@dataclass(frozen=True)
class Proving:
    """The proof of a model's files, and what kind of model it is."""

    proof: Proof
    train: NDArray[np.int64]  # rows of the pictures that value ranges are measured on
    labels: tuple[str, ...]
    task: str = PLAIN
    settings: bytes = b""  # the task's file of settings


@dataclass(frozen=True)
class _Pictures:
    images: Path  # .npy, (n, size, size, 3) uint8
    proved: NDArray[np.int64]  # rows that files are proved on
    train: NDArray[np.int64]
    truth: ClassTruth | None  # None: not known


def proving(folder: Path, photos: Path | None, options: Options, scratch: Path) -> Proving:
    """Return the proof of a job's model, by the job's own zip or folder of photos, or by made-up pictures.

    Raises UserError for photos that cannot be taken in, and ValueError for labels that do not fit the model.
    """
    labels = tuple((folder / files.LABELS).read_text(encoding="utf-8").removesuffix("\n").split("\n"))
    model = files.load(folder / files.H5)
    if (folder / SETTINGS).is_file():
        return _detector(folder, photos, options, scratch)
    if model.output_shape[1:] != (len(labels),):
        raise ValueError(f"{files.LABELS} has {len(labels)} lines, and the model {model.output_shape[-1]} answers.")
    size = int(model.input_shape[1])
    pictures = _patterns(size, scratch) if photos is None else _photos(photos, size, options, labels, scratch)
    expected = _answers(model, pictures)
    truth = ClassTruth(labels, expected.argmax(1)) if pictures.truth is None else pictures.truth
    proof = Proof(pictures.images, pictures.proved, truth, expected, SameClass(), scratch, SECONDS)
    return Proving(proof, pictures.train, labels)


def _detector(folder: Path, photos: Path | None, options: Options, scratch: Path) -> Proving:
    from vm_worker.tasks.detection import exporting

    known = DeliveredSettings.read(folder / SETTINGS)
    if photos is None:
        pictures = exporting.patterns(known, files.load(folder / files.H5), scratch)
    else:
        dataset = _taken_in(photos, (), replace(options, task=exporting.NAME), scratch)
        if dataset.truth.classes != known.classes:
            raise _other_classes(photos, known.classes)
        pictures = exporting.proving_pictures(dataset, known.settings, scratch, options.seed)
    proof = exporting.proof(folder, pictures, scratch, SECONDS)
    return Proving(proof, pictures.train, known.classes, exporting.NAME, (folder / SETTINGS).read_bytes())


def _photos(photos: Path, size: int, options: Options, labels: tuple[str, ...], scratch: Path) -> _Pictures:
    """Return the test photos and the training photos, split as the job split them. Raises UserError, ValueError."""
    dataset = _taken_in(photos, (size,), options, scratch)
    if dataset.truth.names != labels:
        raise _other_classes(photos, labels)
    test = dataset.rows(Part.TEST)
    return _Pictures(dataset.images[size], test, dataset.rows(Part.TRAIN), dataset.truth.take(test))


def _taken_in(photos: Path, sizes: tuple[int, ...], options: Options, scratch: Path) -> Dataset[Any]:
    cache = scratch / "photos"
    cache.mkdir()
    return take_in(IntakeRequest(photos, cache, sizes, options.seed, Limits(), DECODERS), lambda *_: None, options)


def _other_classes(photos: Path, labels: tuple[str, ...]) -> ValueError:
    return ValueError(f"{photos} has other classes than the model, which has {', '.join(labels)}.")


def _patterns(size: int, scratch: Path) -> _Pictures:
    """Return made-up pictures of coloured squares, which files are compared on where there are no photos."""
    cells = np.random.default_rng(0).integers(0, 256, (PATTERNS, PATTERN_CELLS, PATTERN_CELLS, 3), np.uint8)
    along = np.arange(size) * PATTERN_CELLS // size
    path = scratch / "patterns.npy"
    np.save(path, cells[:, along][:, :, along])
    rows = np.arange(PATTERNS)
    return _Pictures(path, rows, rows, None)


def _answers(model: Any, pictures: _Pictures) -> NDArray[np.float32]:
    """Return the probabilities (m, classes) that model.h5 gives for the pictures."""
    images = np.load(pictures.images, mmap_mode="r")
    parts = [
        model.predict_on_batch(images[pictures.proved[start : start + BATCH]].astype(np.float32))
        for start in range(0, len(pictures.proved), BATCH)
    ]
    return np.concatenate(parts)
