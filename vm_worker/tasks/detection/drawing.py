"""Draw photos with their boxes: found green, missed yellow, without a label red; and crops of finds without a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vm_worker.intake.arrays import Pixels
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import Judged
from vm_worker.tasks.detection.marks import FOUND, MISSED, QUALITY, UNLABELLED, frames
from vm_worker.tasks.detection.results import DetectionFigures

WORST, CROWDED, UNLABELLED_SHEET = "worst.jpg", "crowded.jpg", "unlabelled.jpg"
PHOTOS = 6  # on one sheet
CELL = 480  # pixels of a photo on a sheet
CROPS, CROP = 30, 150  # crops on the sheet, and their pixels
ROOM = 1.6  # times the size of a find, that a crop shows
GAP = 8


@dataclass(frozen=True)
class Shown:
    """A test photo that may be drawn."""

    name: str
    read: Callable[[], Pixels]
    judged: Judged


def draw(folder: Path, figures: DetectionFigures, photos: Sequence[Shown]) -> list[str]:
    """Draw the sheets into the folder; return the names of the pictures."""
    by_name = {photo.name: photo for photo in photos}
    worst = [by_name[row.name] for row in figures.photos if row.error][:PHOTOS]
    crowded = sorted(figures.photos, key=lambda row: -row.labelled)[: PHOTOS // 2]
    drawn = []
    for name, some in ((WORST, worst), (CROWDED, [by_name[row.name] for row in crowded])):
        if some:
            _sheet([_marked(photo, figures.threshold) for photo in some], 3, CELL).save(folder / name, quality=QUALITY)
            drawn.append(name)
    crops = _crops(photos, figures.threshold)
    if crops:
        _sheet(crops, 6, CROP).save(folder / UNLABELLED_SHEET, quality=QUALITY)
        drawn.append(UNLABELLED_SHEET)
    return drawn


def _marked(photo: Shown, threshold: float) -> Image.Image:
    """Return a photo with its boxes, scaled to a cell."""
    image = Image.fromarray(photo.read())
    scale = min(1.0, CELL / max(image.size))
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    found, truth = photo.judged.found.above(threshold), photo.judged.truth
    chosen = matches(found, truth)
    missed = np.setdiff1d(np.arange(len(truth)), chosen)
    frames(image, found.xyxy[chosen >= 0], FOUND, scale)
    frames(image, truth.xyxy[missed], MISSED, scale)
    frames(image, found.xyxy[chosen < 0], UNLABELLED, scale)
    return image


def _crops(photos: Sequence[Shown], threshold: float) -> list[Image.Image]:
    """Return crops around the most certain finds without a label."""
    finds = []
    for place, photo in enumerate(photos):
        found = photo.judged.found.above(threshold)
        for row in np.flatnonzero(matches(found, photo.judged.truth) < 0).tolist():
            finds.append((float(found.scores[row]), place, found.xyxy[row]))
    finds.sort(key=lambda find: -find[0])
    chosen: dict[int, list[Floats]] = {}
    for _, place, box in finds[:CROPS]:
        chosen.setdefault(place, []).append(box)
    crops = []
    for place, boxes in chosen.items():
        pixels = photos[place].read()
        crops += [_crop(pixels, box) for box in boxes]
    return crops


def _crop(pixels: Pixels, box: Floats) -> Image.Image:
    left, top, right, bottom = box.tolist()
    side = max(right - left, bottom - top) * ROOM
    x, y = (left + right) / 2, (top + bottom) / 2
    window = (round(x - side / 2), round(y - side / 2), round(x + side / 2), round(y + side / 2))
    image = Image.fromarray(pixels).crop(window).resize((CROP, CROP))
    scale = CROP / side
    corner = np.array([window[0], window[1]] * 2, np.float32)
    frames(image, np.asarray((box - corner)[None] * np.float32(scale), np.float32), UNLABELLED, 1.0)
    return image


def _sheet(images: Sequence[Image.Image], columns: int, cell: int) -> Image.Image:
    columns = min(columns, len(images))
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    heights = [max(image.height for image in row) for row in rows]
    width = columns * cell + (columns - 1) * GAP
    sheet = Image.new("RGB", (width, sum(heights) + GAP * (len(rows) - 1)), (255, 255, 255))
    y = 0
    for row, height in zip(rows, heights, strict=True):
        for place, image in enumerate(row):
            sheet.paste(image, (place * (cell + GAP), y))
        y += height + GAP
    return sheet
