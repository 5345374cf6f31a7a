"""The stage in which the trained detector is tested."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.job import Stage
from vm_worker.exports import files
from vm_worker.intake.dataset import Part
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, public
from vm_worker.stages.progress import MESSAGES
from vm_worker.tasks.detection import coco_finds, delivered, measuring
from vm_worker.tasks.detection.coco_finds import PhotoFinds
from vm_worker.tasks.detection.delivered import DeliveredSettings
from vm_worker.tasks.detection.engine.certainty import Certainty
from vm_worker.tasks.detection.engine.detect import Predict, Settings, candidates, merged
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import Judged, counts, score
from vm_worker.tasks.detection.photographs import photographs
from vm_worker.tasks.detection.results import DetectionFigures
from vm_worker.tasks.detection.tuning import delivered_files

if TYPE_CHECKING:
    from vm_worker.tasks.detection.drawing import Shown

FINDS = "unlabelled.coco.json"  # public
PARTS = "testing: %.1f s to load the model, %.1f s for %d photos, %.1f s for figures and pictures"  # a line of the log

log = logging.getLogger(__name__)


def evaluate(context: StageContext) -> Output:
    """Write the model, load it again, and find the objects of the test photos with it."""
    context.progress.tell(Stage.EVALUATE, 0.0, MESSAGES[Stage.EVALUATE])
    from vm_worker.tasks.detection import drawing

    began = time.monotonic()
    folder, dataset = context.folder, context.inputs.dataset()
    trained, its_settings = delivered_files(context)
    shutil.copyfile(folder / trained, folder / files.H5)
    shutil.copyfile(folder / its_settings, folder / delivered.SETTINGS)
    known, model = DeliveredSettings.read(folder / delivered.SETTINGS), files.load(folder / files.H5)
    rows, settings, loaded = dataset.rows(Part.TEST), known.settings, time.monotonic()
    judged = _judged(context, delivered.by_keras(model, settings.mask), settings)
    tested_by = time.monotonic()
    numbers = counts(judged, len(known.classes), settings.decoding.threshold)
    result = _figures(context, judged, known, files.figures(model, settings.width, folder / files.H5))
    keys = photographs(dataset.names)
    tested = Certainty.of(*numbers, [keys[row] for row in rows.tolist()])
    by_validation = measuring.covered(*numbers, known.certainty)
    # These photos were not learnt from, either: their errors tell of new photos, too.
    known = replace(known, certainty=known.certainty.joined(tested))
    shown = [
        drawing.Shown(dataset.names[row], partial(dataset.truth.read, row), one)
        for row, one in zip(rows.tolist(), judged, strict=True)
    ]
    result = replace(
        result,
        covered=by_validation,
        sure=measuring.sure(numbers[1], known.classes, known.certainty),
        pictures=(*drawing.draw(folder, result, shown), drawing.THRESHOLDS),
        sheet=drawing.threshold_sheet(folder, result, shown),
        finds=_write_finds(folder, result, shown),
    )
    known.write(folder / delivered.SETTINGS)
    log.info(PARTS, loaded - began, tested_by - loaded, len(rows), time.monotonic() - tested_by)
    made = [files.H5, delivered.SETTINGS, *result.pictures, *([result.finds] if result.finds else [])]
    return Output(result, tuple(map(public, made)))


def _judged(context: StageContext, predict: Predict, settings: Settings) -> list[Judged]:
    """Find the objects of the test photos, in their order."""
    dataset, judged = context.inputs.dataset(), []
    rows = dataset.rows(Part.TEST).tolist()
    for number, row in enumerate(rows, start=1):
        photo, raw = dataset.truth.photos[row], candidates(predict, dataset.truth.read(row), settings)
        judged.append(Judged(photo.width, photo.height, photo.boxes, merged(raw, settings)))
        context.progress.tell(Stage.EVALUATE, number / len(rows), f"Counted {number} of {len(rows)} photos")
    return judged


def _write_finds(folder: Path, figures: DetectionFigures, photos: Sequence[Shown]) -> str:
    """Write the boxes without a label as COCO's JSON; return the file's name, empty where there are none."""
    rows = []
    for photo in photos:
        found = photo.judged.found.above(figures.threshold)
        without = found.take(np.flatnonzero(matches(found, photo.judged.truth) < 0))
        if len(without):
            rows.append(PhotoFinds(photo.name, photo.judged.width, photo.judged.height, without))
    if not rows:
        return ""
    names = coco_finds.file_names([row.name for row in rows])
    rows = [replace(row, name=name) for row, name in zip(rows, names, strict=True)]
    (folder / FINDS).write_text(json.dumps(coco_finds.document(rows, figures.classes)), encoding="utf-8")
    return FINDS


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
        spread=measuring.spread(photos),
        pictures=(),
        second_stage=settings.rois > 0,
        expected=settings.expected is not None,
        outlines=measuring.outlines(judged, threshold),
    )
