"""The photos of a stage: taken in once by the rules of every job, and kept for all repeats."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cattrs import BaseValidationError

from jobs.errors import Bug, UserError
from jobs.limits import Limits
from vm_worker.as_json import AsJson
from vm_worker.events import ProgressCallback
from vm_worker.intake.dataset import Part
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.staged.fitting import Photos
from vm_worker.tasks.classification.truth import ClassTruth
from vm_worker.tasks.uploads import take_in


class UnreadableError(Exception):
    """A data set whose files cannot be read; the message names it."""


FACTS, ARRAYS = "photos.json", "photos.npz"
DECODERS = 2


@dataclass(frozen=True)
class PhotoFacts(AsJson):
    """What the results tell of a data set."""

    source: str  # names the file's content, the side and the seed: other photos have another one
    sha256: str  # of the zip's bytes, or a digest of the folder's photos
    classes: tuple[str, ...]
    train: int  # photos that are learnt from
    validation: int  # that say when to stop
    test: int  # that are told of
    ready_made_split: bool  # whether the upload's own parts were taken
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class StagePhotos:
    """The photos of a stage in their three parts."""

    facts: PhotoFacts
    parts: dict[Part, Photos]


@dataclass(frozen=True)
class Wanted:
    """A data set to take in."""

    source: Path  # a zip or folder
    folder: Path  # where its pixels are kept
    size: int  # pixels a side
    seed: int
    limits: Limits


def opened(wanted: Wanted, progress: ProgressCallback) -> StagePhotos:
    """Return the photos; those that were taken in before are read from the folder.

    Raises UserError with a dataset code for photos that the service would refuse, and for those that have boxes and no
    classes; UnreadableError, DecoderFault, and OSError.
    """
    name = _name(wanted)
    facts = _kept(wanted.folder / FACTS)
    found = _read(wanted) if facts is not None and facts.source == name else None
    if facts is None or found is None:
        facts = _taken_in(wanted, name, progress)
        found = _read(wanted)
    if found is None:
        raise Bug(f"the pixels in {wanted.folder} are damaged")
    return StagePhotos(facts, found)


def _read(wanted: Wanted) -> dict[Part, Photos] | None:
    """Return the photos that the folder holds; None where its files are missing or damaged."""
    try:
        # NumPy leaves a damaged file open that it has opened itself.
        with (wanted.folder / ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as saved:
            labels, parts = saved["labels"], saved["parts"]
        pixels = np.load(_pixels(wanted), mmap_mode="r", allow_pickle=False)
        rows = {part: np.flatnonzero(parts == part) for part in Part}
        return {part: Photos(np.asarray(pixels[at]), labels[at]) for part, at in rows.items()}
    except (FileNotFoundError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile):
        return None


def _taken_in(wanted: Wanted, name: str, progress: ProgressCallback) -> PhotoFacts:
    shutil.rmtree(wanted.folder, ignore_errors=True)
    request = IntakeRequest(wanted.source, wanted.folder, (wanted.size,), wanted.seed, wanted.limits, DECODERS)
    dataset = take_in(request, progress)
    truth = dataset.truth
    if not isinstance(truth, ClassTruth):
        raise UserError("no_class_folders", "Its photos have boxes. Staged transfer needs photos in class folders.")
    np.savez(wanted.folder / ARRAYS, labels=truth.labels, parts=dataset.parts)
    counts = {part: len(dataset.rows(part)) for part in Part}
    facts = PhotoFacts(
        name, dataset.sha256, tuple(truth.classes), counts[Part.TRAIN], counts[Part.VALIDATION], counts[Part.TEST],
        dataset.ready_made_split, dataset.warnings,
    )  # fmt: skip
    with replacing(wanted.folder / FACTS) as part:  # last: the folder is whole where it is there
        part.write_text(json.dumps(facts.to_json()), encoding="utf-8")
    return facts


def _pixels(wanted: Wanted) -> Path:
    return wanted.folder / f"squares-{wanted.size}.npy"


def _kept(path: Path) -> PhotoFacts | None:
    try:
        return PhotoFacts.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, BaseValidationError):  # never read, or damaged
        return None


def _name(wanted: Wanted) -> str:
    """Return a digest of the zip's bytes, or of the names, sizes and times of a folder's files, and of the settings."""
    try:
        return _digest(wanted)
    except OSError as error:
        raise UnreadableError(f"{error.filename or wanted.source} cannot be read: {error.strerror}.") from error


def _digest(wanted: Wanted) -> str:
    digest = hashlib.sha256(f"{wanted.size} {wanted.seed}".encode())
    if wanted.source.is_dir():
        for path in sorted(wanted.source.rglob("*")):
            told = path.lstat()
            digest.update(repr((str(path.relative_to(wanted.source)), told.st_size, told.st_mtime_ns)).encode())
    else:
        with wanted.source.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
