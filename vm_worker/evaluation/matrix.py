"""The confusion matrix as a picture. Above 30 classes, where a matrix is too large to read, the most confused pairs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jobs import wording
from vm_worker.evaluation import style

MATRIX_CLASSES = 30  # most classes of a picture with a matrix
SHARES_CLASSES = 12  # most classes of a matrix whose cells show their share below the count
PAIRS_DRAWN = 15

Counts = NDArray[np.int64]


def confusion(path: Path, matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> None:
    """Draw the confusion matrix as PNG: rows are the true classes, columns the model's answers.

    Right answers are blue and mistakes orange, darker for a larger share of the row. Each cell has its count, and up to
    12 classes its share too. Above 30 classes the picture shows the most confused pairs instead.
    """
    counts = np.asarray(matrix, dtype=np.int64).reshape(len(classes), len(classes))
    if len(classes) > MATRIX_CLASSES:
        _pairs(path, counts, classes)
        return
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with style.figure(path, height=_height(len(classes))) as drawing:
        axes = drawing.subplots()
        axes.imshow(_colours(shares), aspect="auto", interpolation="nearest")
        axes.set_xlabel("what the model said")
        axes.set_ylabel("what the photo was")
        axes.spines[:].set_visible(False)
        _name_axes(axes, classes)
        _fill_cells(axes, counts, shares)


def _pairs(path: Path, counts: Counts, classes: Sequence[str]) -> None:
    """Draw a bar for each of the most frequent mistakes, with its share of the true class's photos."""
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    places = [int(place) for place in np.argsort(-wrong, axis=None, kind="stable")[:PAIRS_DRAWN]]
    found = [divmod(place, len(counts)) for place in places if wrong.flat[place]]
    names = style.labels(classes, 26)
    with style.figure(path, height=0.9 + 0.34 * max(3, len(found))) as drawing:
        axes = drawing.subplots()
        values = [int(counts[pair]) for pair in found]
        axes.barh(range(len(found)), values, height=0.62, color=style.TRAINING)
        axes.set_yticks(range(len(found)), [f"{names[truth]}  \u2192  {names[said]}" for truth, said in found])
        axes.set_ylim(max(3, len(found)) - 0.5, -0.5)
        axes.set_xlim(0, max([*values, 1]) * 1.18)
        for place, (truth, said) in enumerate(found):
            share = wording.percent(counts[truth, said] / counts[truth].sum())
            axes.text(values[place], place, f"  {values[place]} ({share})", va="center", fontsize=8)
        axes.tick_params(axis="y", labelsize=8.5, length=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("test photos (share of all of their kind)")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        if not found:
            axes.text(0.5, 1, "no mistake on the test photos", ha="center", color=style.QUIET)


def _colours(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return colours (k, k, 4), RGBA 0..1, of shares (k, k). The square root makes small shares visible."""
    right = np.eye(len(shares), dtype=bool)[:, :, None]
    colours = np.where(right, style.RIGHT(shares), style.WRONG(np.sqrt(shares)))
    return np.asarray(np.where(shares[:, :, None] > 0, colours, to_rgba(style.EMPTY)))


def _height(classes: int) -> float:
    return 3.6 if classes <= 3 else 4.8 if classes <= SHARES_CLASSES else 6.2


def _text_size(classes: int) -> float:
    return 9.0 if classes <= 8 else 7.5 if classes <= 20 else 5.5


def _name_axes(axes: Axes, classes: Sequence[str]) -> None:
    number = len(classes)
    names = style.labels(classes, 18 if number <= SHARES_CLASSES else 14)
    axes.set_xticks(range(number), names, rotation=0 if number <= 3 else 45, ha="center" if number <= 3 else "right")
    axes.set_yticks(range(number), names)
    axes.tick_params(labelsize=min(9.0, _text_size(number) + 1.5), length=0)
    edges = np.arange(number + 1) - 0.5  # white lines between the cells
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color="white", linewidth=2 if number <= SHARES_CLASSES else 1)
    axes.tick_params(which="minor", length=0)


def _fill_cells(axes: Axes, counts: Counts, shares: NDArray[np.float64]) -> None:
    size = _text_size(len(counts))
    write = partial(axes.text, ha="center", va="center", fontsize=size, linespacing=1.15)
    for row, column in zip(*np.nonzero(counts), strict=True):
        # White text on the darkest cells, dark text on all others: these pairs are the easiest to read.
        colour = "white" if row == column and shares[row, column] > 0.45 else style.INK
        share = f"\n{wording.percent(shares[row, column])}" if len(counts) <= SHARES_CLASSES else ""
        write(column, row, f"{counts[row, column]}{share}", color=colour)
