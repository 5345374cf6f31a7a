"""Take in an upload: survey it, decode its photos into memory maps, check and split them."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from jobs.limits import Limits
from vm_worker.events import ProgressCallback
from vm_worker.intake.annotations import Annotations
from vm_worker.intake.arrays import Pixels
from vm_worker.intake.dataset import Dataset
from vm_worker.intake.decoder import Target
from vm_worker.intake.earlier import added
from vm_worker.intake.earlier.seen import SeenPhotos
from vm_worker.intake.examine import Opened, Place, examine, open_photos
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.memory_maps import taken
from vm_worker.intake.pool import Bounds, Decoders
from vm_worker.intake.survey import Survey
from vm_worker.intake.truth import Truth

S = TypeVar("S", bound=Survey)
T = TypeVar("T", bound=Truth)

CHANNELS = 3


@dataclass(frozen=True)
class DecodedPhotos:
    """The photos of an upload before they are split."""

    squares: Mapping[int, Path]  # pixels a side -> .npy file of shape (n, side, side, 3)
    usable: Sequence[int]  # rows of the photos that could be decoded
    strata: tuple[str, ...]


@dataclass(frozen=True)
class IntakeRequest:
    """The upload to take in, and the settings."""

    source: Path  # a zip or a folder
    folder: Path  # where the memory maps go
    sizes: tuple[int, ...]  # pixels a side of the squares; the split does not depend on them
    seed: int
    limits: Limits
    processes: int  # decoding processes
    before: SeenPhotos | None = None  # the photos that the model has seen from which the job continues; None: no such
    # Where the decoded photos tell which model that is: returns the photos that it has seen.
    choose: Callable[[DecodedPhotos], SeenPhotos | None] | None = None
    kept: tuple[Path, ...] = ()  # zips of earlier jobs, whose photos are taken in, too


def take_in(
    request: IntakeRequest,
    annotations: Annotations[S, T],
    progress: ProgressCallback,
    decoders: Decoders | None = None,
) -> Dataset[T]:
    """Make the dataset of a zip or folder, read by the annotations of its task.

    Decodes in the given processes, or in as many of its own as are asked for. Equal sources and seeds give equal
    datasets on every machine. `progress` hears a fraction 0..1 and a sentence. Raises UserError with a dataset code,
    DecoderFault where photos cannot be decoded on this machine at all, and OSError for a full disk.
    """
    listing = added.survey(request.source, request.kept, annotations, request.limits)
    request.folder.mkdir(parents=True, exist_ok=True)
    files = {size: request.folder / f"squares-{size}.npy" for size in request.sizes}
    places = [_create(path, len(listing.photos), size) for size, path in files.items()]
    with nullcontext(decoders) if decoders else Decoders(request.processes, Bounds.of(request.limits)) as pool:
        opened = open_photos(listing, pool, places, request.limits, progress)
    before = request.before
    if request.choose is not None:
        before = request.choose(DecodedPhotos(files, opened.usable(), listing.strata))
    examined = examine(opened, annotations, request.seed, request.limits, before)
    for path in files.values():
        _keep_rows(path, examined.kept)
    return Dataset(
        names=tuple(listing.photos[index].name for index in examined.kept),
        truth=examined.truth,
        parts=examined.split.parts,
        groups=examined.groups,
        images=files,
        skipped=opened.skipped(),
        warnings=examined.warnings,
        ready_made_split=listing.ready_made_split,
        sha256=_digest_of_all(request.kept, _digest(request.source, listing, opened)),
        duplicates=examined.duplicates,
        grey_white=opened.grey_white if opened.grey_white < GREY_16_MAX else None,
        side=_side(opened, examined.kept),
        seen=examined.seen,
        earlier=examined.earlier,
    )


def _side(opened: Opened[S], kept: Sequence[int]) -> int:
    """Return the median of the photos' shorter sides in pixels."""
    shapes = [opened.replies[index].shape for index in kept]
    return int(statistics.median(min(shape.width, shape.height) for shape in shapes))


def _create(path: Path, rows: int, size: int) -> Place:
    """Create an empty .npy file of (rows, size, size, 3) uint8; return the place of each row's square in it."""
    array = _new(path, rows, size)
    start, square = array.offset, size * size * CHANNELS
    return lambda row: Target(str(path), start + row * square, size)


def _new(path: Path, rows: int, size: int) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    shape = (rows, size, size, CHANNELS)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _keep_rows(path: Path, kept: tuple[int, ...]) -> None:
    """Keep only these rows of a .npy file: remove the gaps that broken photos left."""
    old: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(kept) == len(old):
        return
    partial = path.with_suffix(".part")
    described = np.lib.format.header_data_from_array_1_0(old) | {"shape": (len(kept), *old.shape[1:])}
    with partial.open("wb") as file:  # not a memory map: writing to one on a full disk ends the process
        np.lib.format.write_array_header_1_0(file, described)
        for index in kept:
            file.write(taken(old, [index]).tobytes())
    partial.replace(path)


def _digest_of_all(kept: Sequence[Path], own: str) -> str:
    """Return the upload's digest; where photos of earlier jobs were added, one of all."""
    if not kept:
        return own
    whole = hashlib.sha256(own.encode())
    for path in kept:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _digest(source: Path, listing: Survey, opened: Opened[S]) -> str:
    """Return the SHA-256 of the zip's bytes, or of a folder's names and contents."""
    if source.is_dir():
        pairs = [(photo.name, reply.content) for photo, reply in zip(listing.photos, opened.replies, strict=True)]
        return hashlib.sha256(repr(pairs).encode()).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
