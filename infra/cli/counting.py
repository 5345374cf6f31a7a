"""`modelmail predict` with a detector: how many objects each photo shows, and where they are."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cli import counts_told
from infra.cli.counted import CountedPhoto, Sums, together
from infra.cli.networks import short
from infra.cli.screen import Screen
from jobs import wording
from jobs.errors import ModelmailError
from jobs.json_values import Json, JsonObject
from vm_worker.exports import files
from vm_worker.intake.images import read_upright
from vm_worker.tasks.detection import coco_finds, delivered
from vm_worker.tasks.detection.boxes import no_detections
from vm_worker.tasks.detection.coco_finds import PhotoFinds
from vm_worker.tasks.detection.delivered import DeliveredSettings
from vm_worker.tasks.detection.engine.certainty import Bounds
from vm_worker.tasks.detection.engine.detect import Predict, detect
from vm_worker.tasks.detection.engine.outlines import polygons


@dataclass(frozen=True)
class Wanted:
    """The form of the answer."""

    as_json: bool = False
    as_csv: bool = False
    as_coco: bool = False


def run(model: Path, photos: Iterable[Path], wanted: Wanted) -> int:
    """Print a line for each photo; return the exit status: 0 when all could be read, 1 otherwise, 2 without a model."""
    screen = Screen(to_stderr=wanted.as_json or wanted.as_csv or wanted.as_coco)
    try:
        known = DeliveredSettings.read(model.with_name(delivered.SETTINGS))
        network = files.load(model)
    except Exception as error:  # Keras has many for a file that is no model
        screen.say(f"{model} is no detector with its settings: {short(str(error))}")
        return 2
    if not fits(network.output_shape, known):
        screen.say(
            f"{model} is no detector with its settings: it answers something else than {delivered.SETTINGS} says"
        )
        return 2
    rows = []
    for row in counted(delivered.by_keras(network, known.settings.mask), known, photos):
        rows.append(row)
        screen.say(f"{wording.clean(row.image)}  {row.error or counts_told.line(row, known.classes)}")
    sums = together(rows, known)
    for sentence in counts_told.summary(rows, sums, known.classes):
        screen.say(sentence)
    _print(rows, sums, known, wanted)
    return 1 if not rows or any(row.error for row in rows) else 0


def fits(shape: Any, known: DeliveredSettings) -> bool:
    """Return whether a Keras model's output shape (None, points, numbers) is that of a detector with these settings."""
    numbers = len(known.classes) + 4 + known.settings.mask**2
    return isinstance(shape, tuple) and len(shape) == 3 and shape[-1] in (None, numbers)


def counted(predict: Predict, known: DeliveredSettings, photos: Iterable[Path]) -> Iterator[CountedPhoto]:
    """Yield the objects of each photo."""
    for path in photos:
        try:
            pixels = read_upright(path.read_bytes())
        except (ModelmailError, OSError) as error:
            yield CountedPhoto(str(path), 0, 0, no_detections(), (0,) * len(known.classes), error=str(error))
            continue
        found = detect(predict, pixels, known.settings)
        numbers = found.counts(len(known.classes))
        bounds = known.sure.photo(numbers)
        yield CountedPhoto(str(path), pixels.shape[1], pixels.shape[0], found, numbers, bounds)


def as_json(row: CountedPhoto, classes: Sequence[str]) -> JsonObject:
    """Return the answer for a photo as JSON values."""
    found = row.found
    boxes = zip(found.xyxy.tolist(), found.scores.tolist(), found.classes.tolist(), polygons(found), strict=True)
    return {
        "image": row.image,
        "count": row.count,
        "counts": dict(zip(classes, row.counts, strict=True)),
        **_bounds_as_json(row.bounds, classes),
        "boxes": [
            {
                "class": classes[kind],
                "score": round(score, 4),
                "box": [round(side, 1) for side in box],
                **({"outline": outline} if outline else {}),
            }
            for box, score, kind, outline in boxes
        ],
        "error": row.error,
    }


def _bounds_as_json(bounds: Bounds | None, classes: Sequence[str]) -> JsonObject:
    every, by_class = (bounds.every, bounds.classes) if bounds else (None, (None,) * len(classes))
    return {
        "interval": every.to_json() if every else None,
        "intervals": {name: one.to_json() if one else None for name, one in zip(classes, by_class, strict=True)},
    }


def coco(rows: Sequence[CountedPhoto], classes: Sequence[str]) -> JsonObject:
    """Return the finds in COCO's format, for an annotation tool that shows them as a first draft."""
    readable = [row for row in rows if row.error is None]
    names = coco_finds.file_names([os.path.abspath(row.image) for row in readable])
    named = zip(names, readable, strict=True)
    return coco_finds.document([PhotoFinds(name, row.width, row.height, row.found) for name, row in named], classes)


def _print(rows: Sequence[CountedPhoto], sums: Sums | None, known: DeliveredSettings, wanted: Wanted) -> None:
    if wanted.as_json:
        said: dict[str, Json] = {"predictions": [as_json(row, known.classes) for row in rows]}
        if sums:
            said["together"] = {
                "photos": sums.photos,
                "count": sums.count,
                "counts": dict(zip(known.classes, sums.counts, strict=True)),
                **_bounds_as_json(sums.bounds, known.classes),
            }
        sys.stdout.write(json.dumps(said) + "\n")
    if wanted.as_coco:
        sys.stdout.write(json.dumps(coco(rows, known.classes)) + "\n")
    if wanted.as_csv:
        sys.stdout.write(counts_told.table(rows, sums, known.classes))
