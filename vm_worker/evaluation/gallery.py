"""Pictures of photos in the report: the worst mistakes, the most confused classes, and the regions that counted."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, TransformedBbox
from numpy.typing import NDArray

from jobs import wording
from vm_worker.evaluation import style
from vm_worker.results.evaluated import ConfusedPair, PhotoAnswer

MISTAKES = "mistakes.jpg"
PAIRS = "pairs.jpg"
LOOKED = "gradcam.jpg"
COLUMNS = 4
MISTAKES_SHOWN = 12
PAIRS_SHOWN = 4
# Photos for a pair: those that the model took for the other class, and photos of that other class.
CONFUSED_SHOWN, TYPICAL_SHOWN = 3, 2
RIGHT_SHOWN, WRONG_SHOWN = 3, 3  # photos with a map of the regions that the model looked at
CELL = 1.92  # inches: a photo and three lines
CAPTION = 8.5  # points of the text under a photo
NAME = 15  # width of a class name under a photo in characters, wide ones counted twice
PAIR_NAME = 19  # width of a class name over the photos of a pair
LINE = 0.5  # of the largest value: the line is drawn around places from here on
DARKNESS = 0.66  # opacity of the shade over regions that did not count

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Judged:
    """The test photos and the answers of the delivered model for them."""

    pixels: Pixels  # (n, s, s, 3) uint8 RGB of all photos, such as a memory map
    rows: NDArray[np.int64]  # (m,) indices of the test photos
    labels: NDArray[np.int64]  # (m,) indices of classes
    probabilities: NDArray[np.float32]  # (m, k) of each class
    classes: Sequence[str]
    names: Sequence[str]  # (m,) file names of the photos

    @property
    def said(self) -> NDArray[np.int64]:
        """Return the first answers (m,) as indices of classes."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    def photo(self, index: int) -> Pixels:
        """Return the pixels (s, s, 3) of the test photo with this index."""
        return np.asarray(self.pixels[self.rows[index]])

    def row(self, index: int) -> PhotoAnswer:
        """Return the model's answer for the test photo with this index."""
        said = int(self.said[index])
        return PhotoAnswer(
            truth=self.classes[int(self.labels[index])],
            said=self.classes[said],
            probability=float(self.probabilities[index, said]),
            name=self.names[index],
        )

    def surest(self, wanted: NDArray[np.bool_]) -> list[int]:
        """Return the indices where `wanted` (m,) is true, the most probable answer first."""
        places = np.flatnonzero(wanted)
        order = np.argsort(-self.probabilities[places].max(axis=1), kind="stable")
        return [int(place) for place in places[order]]


def explained(judged: Judged) -> list[int]:
    """Choose the photos to explain: the most probable right ones, each of another class, then such mistakes."""
    wrong = judged.said != judged.labels
    kinds: dict[int, int] = {}
    for place in judged.surest(~wrong):
        kinds.setdefault(int(judged.labels[place]), place)
    return [*list(kinds.values())[:RIGHT_SHOWN], *judged.surest(wrong)[:WRONG_SHOWN]]


def mistakes(path: Path, judged: Judged) -> list[PhotoAnswer]:
    """Draw the most probable mistakes as JPEG, each with its class, the answer and its probability.

    Return the answers that are shown. When there are none, no file is written.
    """
    places = judged.surest(judged.said != judged.labels)[:MISTAKES_SHOWN]
    if places:
        with style.photographs(path, height=CELL * -(-len(places) // COLUMNS)) as drawing:
            cells = _cells(drawing, len(places))
            for cell, place in zip(cells, places, strict=True):
                _photo(cell, judged.photo(place), _caption(judged, place))
    return [judged.row(place) for place in places]


def pairs(path: Path, judged: Judged, confused: Sequence[ConfusedPair]) -> list[ConfusedPair]:
    """Draw photos of the most confused pairs of classes as JPEG, beside photos of the class that the model named.

    `confused` is ordered as `metrics.confused_pairs` returns it. Return the pairs that are shown. When there are none,
    no file is written.
    """
    shown = list(confused[:PAIRS_SHOWN])
    if shown:
        with style.photographs(path, height=1.62 * len(shown)) as drawing:
            bands = drawing.subfigures(len(shown), 1, squeeze=False)
            for band, pair in zip(bands[:, 0], shown, strict=True):
                _pair(band, judged, pair)
    return shown


def looked(path: Path, judged: Judged, places: Sequence[int], maps: NDArray[np.float32]) -> list[PhotoAnswer]:
    """Draw each photo twice as JPEG: plain, and under its map.

    `maps` (n, h, w) is 1 where the model looked most. Return the answers that are shown.
    """
    if places:
        with style.photographs(path, height=CELL * -(-len(places) * 2 // COLUMNS)) as drawing:
            cells = _cells(drawing, 2 * len(places))
            for number, place in enumerate(places):
                _photo(cells[2 * number], judged.photo(place), _caption(judged, place))
                _photo(cells[2 * number + 1], judged.photo(place), "where it looked\n\n")
                _overlay(cells[2 * number + 1], maps[number], judged.photo(place).shape[0])
    return [judged.row(place) for place in places]


def _cells(drawing: Figure, count: int) -> list[Axes]:
    """Make `count` empty axes, in rows of COLUMNS."""
    grid = np.atleast_1d(drawing.subplots(-(-count // COLUMNS), COLUMNS)).ravel()
    for axes in grid:
        axes.set_axis_off()
    return list(grid[:count])


def _photo(axes: Axes, photo: Pixels, caption: str) -> None:
    axes.set_axis_off()
    axes.imshow(photo, interpolation="bilinear")
    text = axes.set_title(caption, fontsize=CAPTION, fontweight="normal", y=-0.02, va="top", pad=0, loc="left")
    # A text of any width stays under its own photo.
    text.set_clip_box(TransformedBbox(Bbox([[0.0, -1.0], [1.03, 1.0]]), axes.transAxes))
    text.set_clip_on(True)


def _overlay(axes: Axes, where: NDArray[np.float32], size: int) -> None:
    """Darken the regions that did not count, and draw a line around those that counted most.

    The line is yellow on black, so that it is seen on white things, on dark ones and without colours.
    """
    colours = np.zeros((*where.shape, 4))
    colours[..., 3] = DARKNESS * (1 - where)
    extent = (-0.5, size - 0.5, size - 0.5, -0.5)
    axes.imshow(colours, extent=extent, interpolation="bicubic")
    if where.min() < LINE < where.max():
        edged = np.pad(where, 1)  # a region at the edge of the photo has a line there, too
        step = size / where.shape[1]
        across = np.clip((np.arange(edged.shape[1]) - 0.5) * step, 0, size - 1)
        down = np.clip((np.arange(edged.shape[0]) - 0.5) * size / where.shape[0], 0, size - 1)
        for colour, width in (("#000000", 3.0), ("#ffd60a", 1.4)):
            axes.contour(across, down, edged, levels=[LINE], colors=[colour], linewidths=width)


def _caption(judged: Judged, place: int) -> str:
    row = judged.row(place)
    sure = f"{wording.percent(row.probability)} sure"
    if row.truth == row.said:
        return f"{_short(judged, row.said, NAME + 5)}\nright, {sure}\n"
    return f"said: {_short(judged, row.said, NAME)}\nwas: {_short(judged, row.truth, NAME + 1)}\n{sure}"


def _short(judged: Judged, name: str, most: int) -> str:
    """Return the class's label, shortened to `most` characters, of which wide ones such as Chinese count twice."""
    number = list(judged.classes).index(name)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in name[:most])
    return style.labels(judged.classes[: number + 1], most - min(wide, most // 2))[number]


def _pair(band: Any, judged: Judged, pair: ConfusedPair) -> None:
    truth, said = (list(judged.classes).index(name) for name in (pair.truth, pair.said))
    first, second = (_short(judged, name, PAIR_NAME) for name in (pair.truth, pair.said))
    confused = judged.surest((judged.labels == truth) & (judged.said == said))[:CONFUSED_SHOWN]
    typical = judged.surest((judged.labels == said) & (judged.said == said))[:TYPICAL_SHOWN]
    left, right = band.subfigures(1, 2, width_ratios=(CONFUSED_SHOWN, TYPICAL_SHOWN))
    sides = ((left, confused, CONFUSED_SHOWN, f"{first}, taken for {second}"), (right, typical, TYPICAL_SHOWN, second))
    for side, places, width, title in sides:
        side.suptitle(title, fontsize=CAPTION + 0.5, fontweight="bold", x=0.02, ha="left")
        for axes, place in zip(np.atleast_1d(side.subplots(1, width)), [*places, None, None, None], strict=False):
            axes.set_axis_off()
            if place is not None:
                axes.imshow(judged.photo(place), interpolation="bilinear")
