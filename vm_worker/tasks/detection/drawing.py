"""Draw photos with their boxes: found green, missed yellow, without a label red; and crops of finds without a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vm_worker.intake.arrays import Pixels
from vm_worker.tasks.detection import thresholds
from vm_worker.tasks.detection.boxes import Floats
from vm_worker.tasks.detection.engine.precision import matches
from vm_worker.tasks.detection.engine.scores import Judged
from vm_worker.tasks.detection.marks import FOUND, MISSED, QUALITY, UNLABELLED, drawn, frames
from vm_worker.tasks.detection.results import DetectionFigures, ThresholdSheet

WORST, CROWDED, UNLABELLED_SHEET = "worst.jpg", "crowded.jpg", "unlabelled.jpg"
THRESHOLDS = "thresholds.jpg"
PHOTOS = 6  # on one sheet
STEPPED = 4  # photos on the sheet of thresholds
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
    worst, crowded = worst_and_crowded(figures)
    by_name = {photo.name: photo for photo in photos}
    made = []
    for name, some in ((WORST, worst), (CROWDED, crowded)):
        if some:
            marked = [_marked(by_name[one], figures.threshold) for one in some]
            _sheet(marked, 3, CELL).save(folder / name, quality=QUALITY)
            made.append(name)
    crops = _crops(photos, figures.threshold)
    if crops:
        _sheet(crops, 6, CROP).save(folder / UNLABELLED_SHEET, quality=QUALITY)
        made.append(UNLABELLED_SHEET)
    return made


def worst_and_crowded(figures: DetectionFigures) -> tuple[list[str], list[str]]:
    """Return the names of the photos with the largest errors, and of those with the most objects."""
    worst = [row.name for row in figures.photos if row.error][:PHOTOS]
    crowded = sorted(figures.photos, key=lambda row: -row.labelled)[: PHOTOS // 2]
    return worst, [row.name for row in crowded]


def threshold_sheet(folder: Path, figures: DetectionFigures, photos: Sequence[Shown]) -> ThresholdSheet:
    """Draw some photos without boxes; return what each threshold would find, and the boxes on them."""
    worst, crowded = worst_and_crowded(figures)
    names = list(dict.fromkeys([*crowded[:2], *worst, *crowded, *(photo.name for photo in photos)]))[:STEPPED]
    by_name = {photo.name: photo for photo in photos}
    scaled = [_scaled(by_name[name]) for name in names]
    sheet = _sheet([image for image, _ in scaled], 2, CELL)
    sheet.save(folder / THRESHOLDS, quality=QUALITY)
    corners = _corners([image for image, _ in scaled], 2, CELL)
    values = thresholds.thresholds(figures.threshold)
    placed = [
        (by_name[name].judged, scale, corner) for name, (_, scale), corner in zip(names, scaled, corners, strict=True)
    ]
    return ThresholdSheet(
        width=sheet.width,
        height=sheet.height,
        steps=thresholds.steps([photo.judged for photo in photos], values),
        chosen=values.index(figures.threshold),
        marks=thresholds.marks(placed, values),
    )


def _scaled(photo: Shown) -> tuple[Image.Image, float]:
    """Return a photo scaled to a cell, and its scale."""
    image = Image.fromarray(photo.read())
    scale = min(1.0, CELL / max(image.size))
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale)))), scale


def _marked(photo: Shown, threshold: float) -> Image.Image:
    """Return a photo with its boxes, scaled to a cell."""
    image, scale = _scaled(photo)
    found, truth = photo.judged.found.above(threshold), photo.judged.truth
    chosen = matches(found, truth)
    missed = np.setdiff1d(np.arange(len(truth)), chosen)
    drawn(image, found.take(np.flatnonzero(chosen >= 0)), FOUND, scale)
    frames(image, truth.xyxy[missed], MISSED, scale)
    drawn(image, found.take(np.flatnonzero(chosen < 0)), UNLABELLED, scale)
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
    corners = _corners(images, columns, cell)
    width = min(columns, len(images)) * (cell + GAP) - GAP
    height = max(y + image.height for image, (_, y) in zip(images, corners, strict=True))
    sheet = Image.new("RGB", (width, height), (255, 255, 255))
    for image, corner in zip(images, corners, strict=True):
        sheet.paste(image, corner)
    return sheet


def _corners(images: Sequence[Image.Image], columns: int, cell: int) -> list[tuple[int, int]]:
    """Return the left upper corner of each image on a sheet."""
    corners, y = [], 0
    for start in range(0, len(images), columns):
        row = images[start : start + columns]
        corners += [(place * (cell + GAP), y) for place in range(len(row))]
        y += max(image.height for image in row) + GAP
    return corners
