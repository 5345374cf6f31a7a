"""Draw all pictures of photos for the report in one call. An error in them never makes a job fail."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vm_worker.evaluation import doubts as sheet
from vm_worker.evaluation import gallery
from vm_worker.evaluation.gallery import Judged
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.results.candidates import SuspectRow
from vm_worker.results.evaluated import ConfusedPair, Doubts, PhotoAnswer, PictureRow

log = logging.getLogger(__name__)


def draw(
    folder: Path, judged: Judged, model: Any, confused: Sequence[ConfusedPair]
) -> dict[str, tuple[PictureRow, ...]]:
    """Draw the pictures into the folder; return the rows that each picture shows, by file name.

    `model` is the reloaded keras.Model; `confused` are the pairs of the test. A picture that fails is logged and left
    out.
    """
    makers: dict[str, Callable[[Path], Sequence[PictureRow]]] = {
        gallery.MISTAKES: lambda path: gallery.mistakes(path, judged),
        gallery.PAIRS: lambda path: gallery.pairs(path, judged, confused),
        gallery.LOOKED: lambda path: _looked(path, judged, model),
    }
    drawn: dict[str, tuple[PictureRow, ...]] = {}
    for name, make in makers.items():
        try:
            rows = make(folder / name)
        except Exception:
            log.exception("%s could not be drawn", name)
            continue
        if rows:
            drawn[name] = tuple(rows)
    return drawn


def doubts(folder: Path, judged: Judged, dataset: LabelledPhotos, suspects: Sequence[SuspectRow]) -> Doubts | None:
    """Draw the sheet of doubtful photos; return what it shows, or None where there is nothing or drawing fails."""
    try:
        return sheet.draw(folder / sheet.SHEET, judged, dataset, sheet.chosen(judged, dataset, suspects))
    except Exception:
        log.exception("%s could not be drawn", sheet.SHEET)
        return None


def _looked(path: Path, judged: Judged, model: Any) -> list[PhotoAnswer]:
    from vm_worker.learn.judge import grad_cam

    places = gallery.explained(judged)
    if not places or not grad_cam.applies_to(model):
        return []
    photos = np.stack([judged.photo(place) for place in places])
    return gallery.looked(path, judged, places, grad_cam.grad_cam(model, photos, judged.said[places]))
