"""The photos that a person should look at: which these are, and one sheet of small pictures of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import image
from numpy.typing import NDArray

from vm_worker.evaluation.gallery import Judged
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.results.candidates import SuspectRow
from vm_worker.results.evaluated import DoubtRow, Doubts

SHEET = "doubts.jpg"
COLUMNS = 10
MOST = 200  # photos on the sheet: a megabyte
JPEG_QUALITY = 75
SHRUNK_FROM = 160  # pixels: larger photos are halved
DOUBTFUL, SURE_MISTAKE, MISTAKE, UNSURE, COPY = "doubtful", "sure", "mistake", "unsure", "copy"
KINDS = (DOUBTFUL, SURE_MISTAKE, UNSURE, MISTAKE, COPY)
DOUBTFUL_MOST, COPIES_MOST, UNSURE_MOST = 50, 20, 30  # the mistakes get the rest
SURE = 0.9  # a mistake from this probability on is a sure one


@dataclass(frozen=True)
class Doubt:
    """A photo of the dataset, and what the model says of it."""

    row: int  # of the dataset
    says: str
    probability: float
    kind: str


def chosen(judged: Judged, dataset: LabelledPhotos, suspects: Sequence[SuspectRow]) -> dict[int, list[Doubt]]:
    """Return the photos to show by their rows in the dataset, at most `MOST`, in the order in which they are shown.

    `judged` are the test photos. A photo may be doubted for several reasons.
    """
    found: dict[int, list[Doubt]] = {}
    for doubts in (_suspects(dataset, suspects), _copies(judged, dataset), _unsure(judged), _mistakes(judged)):
        for doubt in doubts:
            if doubt.row in found or len(found) < MOST:
                found.setdefault(doubt.row, []).append(doubt)
    return found


def draw(path: Path, judged: Judged, dataset: LabelledPhotos, found: dict[int, list[Doubt]]) -> Doubts | None:
    """Draw the sheet as JPEG; return what it shows, or None where there is nothing to show.

    Raises OSError where it cannot be written.
    """
    if not found:
        return None
    small = [_small(np.asarray(judged.pixels[row])) for row in found]
    side, columns = small[0].shape[0], min(COLUMNS, len(small))
    sheet = np.full((-(-len(small) // columns) * side, columns * side, 3), 255, np.uint8)
    for place, pixels in enumerate(small):
        top, left = place // columns * side, place % columns * side
        sheet[top : top + side, left : left + side] = pixels
    image.imsave(path, sheet, format="jpg", pil_kwargs={"quality": JPEG_QUALITY})
    return Doubts(side, columns, tuple(_row(dataset, doubts) for doubts in found.values()))


def _row(dataset: LabelledPhotos, doubts: Sequence[Doubt]) -> DoubtRow:
    first = doubts[0]
    return DoubtRow(
        name=dataset.names[first.row],
        says=first.says,
        probability=round(first.probability, 4),
        kinds=tuple(dict.fromkeys(doubt.kind for doubt in doubts)),
        label=dataset.truth.classes[dataset.truth.labels[first.row]],
    )


def _suspects(dataset: LabelledPhotos, suspects: Sequence[SuspectRow]) -> Iterator[Doubt]:
    rows = {name: row for row, name in enumerate(dataset.names)}
    for one in suspects[:DOUBTFUL_MOST]:
        if one.name in rows:
            yield Doubt(rows[one.name], one.says, one.probability, DOUBTFUL)


def _copies(judged: Judged, dataset: LabelledPhotos) -> Iterator[Doubt]:
    """Yield test photos that are copies, or nearly, of photos in another folder: one of the two is wrong."""
    folders: dict[int, set[int]] = {}
    for group, label in zip(dataset.groups.tolist(), dataset.truth.labels.tolist(), strict=True):
        folders.setdefault(group, set()).add(label)
    mixed = [place for place, row in enumerate(judged.rows) if len(folders[int(dataset.groups[row])]) > 1]
    for place in mixed[:COPIES_MOST]:
        yield _answer(judged, place, COPY)


def _unsure(judged: Judged) -> Iterator[Doubt]:
    for place in np.argsort(judged.probabilities.max(axis=1), kind="stable")[:UNSURE_MOST]:
        yield _answer(judged, int(place), UNSURE)


def _mistakes(judged: Judged) -> Iterator[Doubt]:
    for place in judged.surest(judged.said != judged.labels):
        doubt = _answer(judged, place, MISTAKE)
        yield doubt
        if doubt.probability >= SURE:
            yield Doubt(doubt.row, doubt.says, doubt.probability, SURE_MISTAKE)


def _answer(judged: Judged, place: int, kind: str) -> Doubt:
    answer = judged.row(place)
    return Doubt(int(judged.rows[place]), answer.said, answer.probability, kind)


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the photo at half its size, each pixel the mean of four; small ones as they are."""
    side = pixels.shape[0] // 2
    if pixels.shape[0] < SHRUNK_FROM:
        return pixels
    fours = pixels[: 2 * side, : 2 * side].reshape(side, 2, side, 2, 3)
    return np.asarray(fours.mean(axis=(1, 3)) + 0.5, np.uint8)
