"""The stages in which the trained detector is tested, and made into files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jobs.job import Stage
from vm_worker.exports import files, formats
from vm_worker.intake.arrays import Rows
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.results.exported import Exported, ExportRow
from vm_worker.stages.context import StageContext
from vm_worker.stages.export import CLEAN_SECONDS, check_h5
from vm_worker.stages.output import Output, public
from vm_worker.stages.progress import MESSAGES
from vm_worker.tasks.detection import delivered, measuring
from vm_worker.tasks.detection.agreement import PictureTruth, SameBoxes
from vm_worker.tasks.detection.boxes import Floats, LabelledPhoto
from vm_worker.tasks.detection.delivered import DeliveredSettings
from vm_worker.tasks.detection.engine.detect import Settings, candidates, merged
from vm_worker.tasks.detection.engine.frames import labelled, picture
from vm_worker.tasks.detection.engine.scores import Judged, score
from vm_worker.tasks.detection.learning import DETECTOR, SETTINGS
from vm_worker.tasks.detection.results import DetectionFigures
from vm_worker.tasks.detection.truth import BoxTruth

PROVING = 40  # pictures of test photos that prove a file
CALIBRATING = 60  # pictures of training photos on which integer models measure ranges
WITHOUT_SERVICE = ("h5", "keras", "tflite", "tflite_float16", "tflite_int8", "onnx", "savedmodel")


def evaluate(context: StageContext) -> Output:
    """Write the model, load it again, and find the objects of the test photos with it."""
    context.progress.tell(Stage.EVALUATE, 0.0, MESSAGES[Stage.EVALUATE])
    from vm_worker.tasks.detection import drawing

    folder, dataset = context.folder, context.inputs.dataset()
    shutil.copyfile(folder / DETECTOR, folder / files.H5)
    shutil.copyfile(folder / SETTINGS, folder / delivered.SETTINGS)
    known, model = DeliveredSettings.read(folder / SETTINGS), files.load(folder / files.H5)
    rows, settings = dataset.rows(Part.TEST), known.settings
    predict = delivered.by_keras(model)
    judged = []
    for number, row in enumerate(rows.tolist()):
        raw = candidates(predict, dataset.truth.read(row), settings)
        photo = dataset.truth.photos[row]
        judged.append(Judged(photo.width, photo.height, photo.boxes, merged(raw, settings)))
        context.progress.tell(Stage.EVALUATE, (number + 1) / len(rows), f"Counted {number + 1} of {len(rows)} photos")
    result = _figures(context, judged, known, files.figures(model, settings.width, folder / files.H5))
    pictures = drawing.draw(
        folder,
        result,
        [
            drawing.Shown(dataset.names[row], partial(dataset.truth.read, row), one)
            for row, one in zip(rows.tolist(), judged, strict=True)
        ],
    )
    result = replace(result, pictures=tuple(pictures))
    return Output(result, (public(files.H5), public(delivered.SETTINGS), *map(public, pictures)))


def export(context: StageContext) -> Output:
    """Make the formats, and prove each in a clean process by its boxes. Raises Bug where model.h5 does not pass."""
    from vm_worker.exports import delivery
    from vm_worker.exports.verify import Proof
    from vm_worker.learn.latency import measurement

    inputs, clock, dataset = context.inputs, context.clock, context.inputs.dataset()
    known = DeliveredSettings.read(context.folder / delivered.SETTINGS)
    pictures = proving_pictures(dataset, known.settings, inputs.scratch, context.spec.options.seed)
    expected = _outputs(files.load(context.folder / files.H5), pictures.pixels, pictures.test)
    chosen = [row for row in formats.wanted(context.spec.options.exports) if row.key in WITHOUT_SERVICE]
    order = delivery.Order(
        folder=context.folder,
        formats=tuple(chosen),
        proof=Proof(
            pictures.pixels, pictures.test, pictures.truth, expected, SameBoxes(), inputs.scratch, CLEAN_SECONDS
        ),
        train=pictures.train,
        classes=known.classes,
        about={},
        pace=formats.Pace(clock.plain_speed, inputs.winner.gflops, len(pictures.test)),
        seconds=clock.export_time(),
        tell=lambda fraction, message: context.progress.tell(Stage.EXPORT, fraction, message),
    )
    rows = delivery.deliver(order)
    check_h5(rows)
    if "service" in context.spec.options.exports:
        rows.append(_without_service())
    files.write_labels(known.classes, context.folder / files.LABELS)
    made = [files.LABELS, delivered.SETTINGS, *(row.name for row in rows if row.state == "made")]
    listed = tuple(files.listed(context.folder / name) for name in made)
    new = tuple(public(name) for name in made if name not in (files.H5, delivered.SETTINGS))
    return Output(Exported(tuple(rows), listed, {}, measurement.machine()), new)


def _without_service() -> ExportRow:
    file = formats.FORMATS["service"].file
    note = "left out: a service that finds objects comes with a later version; modelmail predict counts a folder"
    return ExportRow(file, "service", "left_out", 0, None, None, None, note)


@dataclass(frozen=True)
class Proving:
    """Pictures as the network sees them, in one .npy file."""

    pixels: Path  # (n, height, width, 3) uint8
    test: Rows  # rows of the pictures of test photos
    train: Rows
    truth: PictureTruth  # the labels of the test pictures


def proving_pictures(dataset: Dataset[BoxTruth], settings: Settings, folder: Path, seed: int) -> Proving:
    """Write pictures of some test photos and some training photos."""
    random = np.random.default_rng(seed)
    shown: list[LabelledPhoto] = []
    pixels: list[Any] = []
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


def _outputs(model: Any, path: Path, rows: Rows) -> Floats:
    pixels = np.load(path, mmap_mode="r")
    return np.asarray(model.predict(pixels[rows].astype(np.float32), batch_size=8, verbose=0), np.float32)


def _figures(context: StageContext, judged: Sequence[Judged], known: DeliveredSettings, model: Any) -> DetectionFigures:
    dataset, settings = context.inputs.dataset(), known.settings
    names = [dataset.names[row] for row in dataset.rows(Part.TEST).tolist()]
    threshold = settings.decoding.threshold
    photos = measuring.counted(names, judged, threshold)
    return DetectionFigures(
        model=model,
        classes=known.classes,
        images=len(judged),
        scores=score(judged, len(known.classes), threshold),
        photos=tuple(photos),
        sizes=tuple(measuring.sizes(judged, threshold)),
        curve=tuple(measuring.curve(judged)),
        threshold=threshold,
        overlap=settings.decoding.overlap,
        height=settings.height,
        width=settings.width,
        tile=settings.tiling.side,
        spread=measuring.spread(photos, context.spec.options.seed),
        pictures=(),
    )
