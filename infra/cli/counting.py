"""`modelmail predict` with a detector: how many objects each photo shows, and where they are."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cli.networks import short
from infra.cli.screen import Screen
from jobs import wording
from jobs.errors import ModelmailError
from jobs.json_values import JsonObject
from vm_worker.evaluation.tables import harmless
from vm_worker.exports import files
from vm_worker.intake.images import read_upright
from vm_worker.tasks.detection import coco_finds, delivered
from vm_worker.tasks.detection.boxes import Detections, no_detections
from vm_worker.tasks.detection.coco_finds import PhotoFinds
from vm_worker.tasks.detection.delivered import DeliveredSettings
from vm_worker.tasks.detection.engine.certainty import Interval
from vm_worker.tasks.detection.engine.detect import Predict, detect
from vm_worker.tasks.detection.engine.outlines import polygons


@dataclass(frozen=True)
class CountedPhoto:
    """The objects of one photo."""

    image: str
    width: int
    height: int
    found: Detections
    interval: Interval | None = None  # in which the number of objects should lie; None: not known
    error: str | None = None  # the reason why it could not be read


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
        screen.say(f"{wording.clean(row.image)}  {row.error or _told(row, known.classes)}")
    for sentence in _together(rows):
        screen.say(sentence)
    _print(rows, known, wanted)
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
            yield CountedPhoto(str(path), 0, 0, no_detections(), error=str(error))
            continue
        found = detect(predict, pixels, known.settings)
        interval = known.certainty.interval(len(found))
        yield CountedPhoto(str(path), pixels.shape[1], pixels.shape[0], found, interval)


def counts(found: Detections, classes: Sequence[str]) -> dict[str, int]:
    """Return the number of objects of each class."""
    return {name: int((found.classes == number).sum()) for number, name in enumerate(classes)}


def as_json(row: CountedPhoto, classes: Sequence[str]) -> JsonObject:
    """Return the answer for a photo as JSON values."""
    found = row.found
    boxes = zip(found.xyxy.tolist(), found.scores.tolist(), found.classes.tolist(), polygons(found), strict=True)
    return {
        "image": row.image,
        "count": len(row.found),
        "interval": row.interval.to_json() if row.interval else None,
        "counts": counts(row.found, classes),
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


def coco(rows: Sequence[CountedPhoto], classes: Sequence[str]) -> JsonObject:
    """Return the finds in COCO's format, for an annotation tool that shows them as a first draft."""
    readable = [row for row in rows if row.error is None]
    names = coco_finds.file_names([os.path.abspath(row.image) for row in readable])
    named = zip(names, readable, strict=True)
    return coco_finds.document([PhotoFinds(name, row.width, row.height, row.found) for name, row in named], classes)


def _told(row: CountedPhoto, classes: Sequence[str]) -> str:
    found, sure = row.found, _between(row.interval)
    if len(classes) == 1:
        return f"{len(found)}{sure}  {wording.name(classes[0])}"
    parts = ", ".join(f"{wording.name(name)} {count}" for name, count in counts(found, classes).items() if count)
    return f"{len(found)}{sure}  ({parts})" if parts else f"0{sure}"


def _between(interval: Interval | None) -> str:
    return f" [{interval.low} to {interval.high}]" if interval else ""


def _together(rows: Sequence[CountedPhoto]) -> list[str]:
    """Return how many objects all photos show, and how sure that is."""
    counted = [row for row in rows if row.error is None]
    if not rows:
        return ["No photos were found there."]
    if not counted:
        return []
    total = sum(len(row.found) for row in counted)
    many = f"{wording.plural(total, 'object')} in {wording.plural(len(counted), 'photo')}."
    shares = [row.interval.share for row in counted if row.interval]
    if not shares:
        return [many, "How sure a count is cannot be told: too few photos were counted to test the model."]
    sure = f"In brackets: the numbers between which the true one should lie, {100 * min(shares):.0f} times in 100"
    return [many, f"{sure}, in photos like those that the model was tested on."]


def _print(rows: Sequence[CountedPhoto], known: DeliveredSettings, wanted: Wanted) -> None:
    if wanted.as_json:
        sys.stdout.write(json.dumps({"predictions": [as_json(row, known.classes) for row in rows]}) + "\n")
    if wanted.as_coco:
        sys.stdout.write(json.dumps(coco(rows, known.classes)) + "\n")
    if wanted.as_csv:
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        # A spreadsheet could read a name as a formula.
        table.writerow(["image", "count", "low", "high", *map(harmless, known.classes), "error"])
        for row in rows:
            numbers = counts(row.found, known.classes).values() if row.error is None else [""] * len(known.classes)
            total = len(row.found) if row.error is None else ""
            bounds = [row.interval.low, row.interval.high] if row.interval else ["", ""]
            table.writerow([harmless(row.image), total, *bounds, *numbers, row.error or ""])
        sys.stdout.write(out.getvalue())
