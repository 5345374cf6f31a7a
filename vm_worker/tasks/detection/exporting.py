"""The stage in which the tested detector is made into files, each proved by its boxes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jobs.job import Stage
from vm_worker.exports import delivery, files, formats
from vm_worker.exports.verify import Proof
from vm_worker.intake.arrays import Pixels, Rows
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn.latency import measurement
from vm_worker.results.exported import Exported
from vm_worker.stages.context import StageContext
from vm_worker.stages.export import about, check_h5
from vm_worker.stages.output import Output, public
from vm_worker.tasks.detection import delivered
from vm_worker.tasks.detection.agreement import PictureTruth, SameBoxes, boxes_of
from vm_worker.tasks.detection.boxes import LabelledPhoto
from vm_worker.tasks.detection.delivered import DeliveredSettings
from vm_worker.tasks.detection.engine.detect import Settings, detect
from vm_worker.tasks.detection.engine.frames import labelled, picture
from vm_worker.tasks.detection.truth import BoxTruth

NAME = "detection"  # of the task
PROVING = 40  # pictures of test photos that prove a file
CALIBRATING = 60  # pictures of training photos on which integer models measure ranges
PATTERNS = 16  # made-up pictures, where there are no photos
PATTERN_CELLS = 7  # fields of one colour along each side of such a picture

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proving:
    """Pictures as the network sees them, in one .npy file."""

    pixels: Path  # (n, height, width, 3) uint8
    test: Rows  # rows of the pictures of test photos
    train: Rows
    truth: PictureTruth  # the labels of the test pictures


def export(context: StageContext) -> Output:
    """Make the formats, and prove each in a clean process by its boxes. Raises Bug where model.h5 does not pass."""
    inputs, clock, began = context.inputs, context.clock, time.monotonic()
    known = DeliveredSettings.read(context.folder / delivered.SETTINGS)
    pictures = proving_pictures(inputs.dataset(), known.settings, inputs.scratch, context.spec.options.seed)
    order = delivery.Order(
        folder=context.folder,
        formats=tuple(formats.wanted(context.spec.options.exports)),
        proof=proof(context.folder, pictures, inputs.scratch, clock.clean_seconds),
        train=pictures.train,
        classes=known.classes,
        about=about(context),
        pace=formats.Pace(clock.plain_speed, inputs.winner.gflops, len(pictures.test)),
        seconds=clock.export_time(),
        tell=lambda fraction, message: context.progress.tell(Stage.EXPORT, fraction, message),
        task=NAME,
        settings=(context.folder / delivered.SETTINGS).read_bytes(),
    )
    answered = time.monotonic()
    rows = delivery.deliver(order)
    log.info(
        "files: %.1f s for the answers of %d pictures, %.1f s to make and prove %s",
        answered - began,
        len(pictures.test),
        time.monotonic() - answered,
        ", ".join(row.name for row in rows if row.state == "made"),
    )
    check_h5(rows)
    files.write_labels(known.classes, context.folder / files.LABELS)
    made = [files.LABELS, delivered.SETTINGS, *(row.name for row in rows if row.state == "made")]
    listed = tuple(files.listed(context.folder / name) for name in made)
    new = tuple(public(name) for name in made if name not in (files.H5, delivered.SETTINGS))
    return Output(Exported(tuple(rows), listed, {}, measurement.machine()), new)


def proof(folder: Path, pictures: Proving, scratch: Path, seconds: float) -> Proof:
    """Return the proof of the files of a detector: the answers and the boxes of its model.h5 for these pictures."""
    settings = DeliveredSettings.read(folder / delivered.SETTINGS)
    model, pixels = files.load(folder / files.H5), np.load(pictures.pixels, mmap_mode="r")
    predict = delivered.by_keras(model, settings.settings.mask)
    # A service takes each picture for a photo, and may divide it into tiles.
    counted = tuple(detect(predict, np.asarray(pixels[row]), settings.settings) for row in pictures.test.tolist())
    return Proof(
        images=pictures.pixels,
        rows=pictures.test,
        truth=replace(pictures.truth, counted=counted),
        expected=_outputs(model, pixels, pictures.test),
        agreement=SameBoxes(),
        folder=scratch,
        timeout=seconds,
        read=partial(boxes_of, classes=settings.classes),
    )


def proving_pictures(dataset: Dataset[BoxTruth], settings: Settings, folder: Path, seed: int) -> Proving:
    """Write pictures of some test photos and some training photos."""
    random = np.random.default_rng(seed)
    shown: list[LabelledPhoto] = []
    pixels: list[Pixels] = []
    for part, most in ((Part.TEST, PROVING), (Part.TRAIN, CALIBRATING)):
        rows = dataset.rows(part)
        for row in random.permutation(rows)[:most].tolist():
            photo, labels = dataset.truth.read(row), dataset.truth.photos[row]
            frames = settings.tiling.frames(labels.width, labels.height)
            frame = frames[int(random.integers(len(frames)))]
            pixels.append(picture(photo, frame, settings.sides))
            if part is Part.TEST:
                boxes = labelled(labels.boxes, frame, settings.sides).boxes
                shown.append(LabelledPhoto(labels.name, settings.width, settings.height, boxes))
    path = folder / "pictures.npy"
    np.save(path, np.stack(pixels))
    tests = np.arange(len(shown), dtype=np.int64)
    truth = PictureTruth(
        dataset.truth.classes, ("pictures",), np.zeros(len(shown), np.int64), tuple(shown), (), settings
    )
    return Proving(path, tests, np.arange(len(shown), len(pixels), dtype=np.int64), truth)


def patterns(known: DeliveredSettings, model: Any, folder: Path) -> Proving:
    """Write made-up pictures of coloured fields; their labels are the boxes that the model finds there."""
    settings = known.settings
    cells = np.random.default_rng(0).integers(0, 256, (PATTERNS, PATTERN_CELLS, PATTERN_CELLS, 3), np.uint8)
    down, across = (np.arange(side) * PATTERN_CELLS // side for side in (settings.height, settings.width))
    pixels = cells[:, down][:, :, across]
    path = folder / "pictures.npy"
    np.save(path, pixels)
    predict = delivered.by_keras(model, settings.mask)
    found = [detect(predict, one, replace(settings, tiling=replace(settings.tiling, side=0))) for one in pixels]
    shown = tuple(
        LabelledPhoto(f"pattern {number}", settings.width, settings.height, one.as_labels())
        for number, one in enumerate(found)
    )
    rows = np.arange(PATTERNS, dtype=np.int64)
    strata = np.zeros(PATTERNS, np.int64)
    return Proving(path, rows, rows, PictureTruth(known.classes, ("pictures",), strata, shown, (), settings))


def _outputs(model: Any, pixels: Pixels, rows: Rows) -> Any:
    return np.asarray(model.predict(pixels[rows].astype(np.float32), batch_size=8, verbose=0), np.float32)
