"""The curves of the report: training by epoch, reliability of the probabilities, and accuracy by number of photos."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from vm_worker.evaluation import style
from vm_worker.results.candidates import CurvePoint, LearningCurve
from vm_worker.results.evaluated import CalibrationFigures

MARKED_EPOCHS = 15  # most epochs of a line that marks each of its points
LINKED = 5  # least photos of a joined point of the reliability diagram; the share of fewer photos is mostly chance
OTHERS = "other candidates, validation"


@dataclass(frozen=True)
class Line:
    """The epochs of one model in one phase; NaN for a number that was not measured."""

    phase: str
    name: str
    epochs: NDArray[np.float64]
    training: NDArray[np.float64]
    validation: NDArray[np.float64]

    @property
    def best(self) -> float:
        """The highest validation figure of the line; NaN values are ignored."""
        return float(np.nanmax(self.validation)) if np.isfinite(self.validation).any() else -math.inf


def curves(path: Path, points: Sequence[CurvePoint], winner: str = "") -> None:
    """Draw accuracy and loss by epoch as PNG, selection and tuning side by side.

    The winner's line is bold, the other candidates are thin and grey.
    """
    with style.figure(path, height=2.9) as drawing:
        accuracy, loss = drawing.subplots(1, 2)
        _panel(accuracy, points, "accuracy", winner)
        _panel(loss, points, "loss", winner)
        accuracy.set_title("Accuracy")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
        accuracy.set_ylim(top=1.005)
        loss.set_title("Loss")
        _legend(drawing, accuracy)


def reliability(path: Path, calibration: CalibrationFigures | None) -> None:
    """Draw the model's accuracy against its probability as PNG, before and after calibration.

    The area of a point grows with its number of photos, and points of very few photos are not joined. The picture is
    empty when nothing was calibrated.
    """
    before, after = (calibration.bins_before, calibration.bins_after) if calibration else ((), ())
    looks = {"before": (before, style.TRAINING, "--"), "after": (after, style.VALIDATION, "-")}
    with style.figure(path, height=3.4, width=4.4) as drawing:
        axes = drawing.subplots()
        axes.plot([0, 1], [0, 1], color=style.QUIET, linewidth=0.8, linestyle=":", label="as sure as right")
        for when, (bins, colour, line) in looks.items():
            total = sum(one.count for one in bins) or 1
            sure, right = _floats(one.confidence for one in bins), _floats(one.accuracy for one in bins)
            enough = np.array([one.count >= LINKED for one in bins], dtype=bool)
            axes.plot(
                sure[enough], right[enough], color=colour, linestyle=line, linewidth=1.3, label=f"{when} calibration"
            )
            axes.scatter(sure, right, [300 * one.count / total + 6 for one in bins], color=colour, alpha=0.6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("how sure the model was")
        axes.set_ylabel("how often it was right")
        axes.set_xlim(0, 1.03)
        axes.set_ylim(0, 1.05)
        axes.grid()
        axes.set_axisbelow(True)
        drawing.legend(fontsize=8.5, loc="outside lower center", ncols=3, columnspacing=1.2)


def learning(path: Path, curve: LearningCurve) -> None:
    """Draw the accuracy of the selected head by the number of photos that it learned from, as PNG.

    The bars are one standard error. The curve has one point at least.
    """
    points = curve.points
    images, right = _floats(one.images for one in points), _floats(one.accuracy for one in points)
    errors = _floats(one.error for one in points)
    with style.figure(path, height=2.8, width=4.4) as drawing:
        axes = drawing.subplots()
        draw = partial(axes.errorbar, color=style.VALIDATION, marker="o", markersize=5, linewidth=1.7)
        draw(images, right, yerr=errors, capsize=4, elinewidth=1)
        for x, y in zip(images, right, strict=True):
            axes.annotate(f"{y:.0%}", (x, y), (6, -13), textcoords="offset points", fontsize=8.5)
        axes.set_xticks(images, [f"{x:,.0f}" for x in images])
        axes.set_xlim(0, float(max(images)) * 1.12)
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("training photos")
        axes.set_ylabel("right on unseen photos")
        axes.margins(y=0.25)
        axes.grid(axis="y")
        axes.set_axisbelow(True)


def _panel(axes: Axes, points: Sequence[CurvePoint], figure: str, winner: str) -> None:
    lines = _lines(points, figure)
    select = [line for line in lines if line.phase == "select"]
    tune = [line for line in lines if line.phase == "tune"]
    chosen = _chosen(select, winner)
    tuned = _chosen(tune, winner)
    offset = max((line.epochs.max() for line in select), default=0.0)
    _draw_others(axes, [line for line in select if line is not chosen], 0.0)
    _draw_others(axes, [line for line in tune if line is not tuned], offset)
    if chosen:
        _draw(axes, chosen, 0.0, labelled=True)
    if tuned:
        _draw(axes, tuned, offset, labelled=not chosen)
    _mark_phases(axes, offset, bool(select), bool(tune))
    _limit(axes, [line for line in (chosen, tuned) if line], figure)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _legend(drawing: Figure, axes: Axes) -> None:
    """Draw one legend for both panels, the winner's lines first."""
    entries = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda entry: entry[1] == OTHERS)
    if entries:
        handles, texts = zip(*entries, strict=True)
        drawing.legend(handles, texts, loc="outside lower center", ncols=len(texts), fontsize=8.5)


def _lines(points: Sequence[CurvePoint], figure: str) -> list[Line]:
    groups: dict[tuple[str, str], list[CurvePoint]] = {}
    for point in points:
        groups.setdefault((point.phase, point.name), []).append(point)
    return [_line(phase, name, group, figure) for (phase, name), group in groups.items()]


def _line(phase: str, name: str, points: Sequence[CurvePoint], figure: str) -> Line:
    """Return the line of one model; `figure` is "accuracy" or "loss"."""
    ordered = sorted(points, key=lambda point: point.epoch)
    return Line(
        phase,
        name,
        _floats(point.epoch for point in ordered),
        _floats(getattr(point, figure) for point in ordered),
        _floats(getattr(point, f"validation_{figure}") for point in ordered),
    )


def _floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array(
        [value if value is not None and math.isfinite(value) else math.nan for value in values], dtype=np.float64
    )


def _chosen(lines: Sequence[Line], winner: str) -> Line | None:
    """Return the winner's line. In tuning, whose lines have the names of trials, it is the best line."""
    named = [line for line in lines if line.name == winner] or list(lines)
    return max(named, key=lambda line: line.best, default=None)


def _draw(axes: Axes, line: Line, offset: float, *, labelled: bool) -> None:
    marker = "o" if len(line.epochs) <= MARKED_EPOCHS else ""
    where = line.epochs + offset
    draw = partial(axes.plot, where, marker=marker, markersize=3, linewidth=1.7, zorder=3)
    if np.isfinite(line.training).any():
        label = "training" if labelled else None
        draw(line.training, color=style.TRAINING, linestyle="--", label=label)
    draw(line.validation, color=style.VALIDATION, label="validation" if labelled else None)


def _draw_others(axes: Axes, lines: Sequence[Line], offset: float) -> None:
    for line in lines:
        # The legend has one entry for all of them.
        label = None if OTHERS in axes.get_legend_handles_labels()[1] else OTHERS
        axes.plot(line.epochs + offset, line.validation, color=style.QUIET, linewidth=0.8, alpha=0.7, label=label)


def _mark_phases(axes: Axes, offset: float, select: bool, tune: bool) -> None:
    if not (select and tune):
        return
    axes.axvline(offset + 0.5, color=style.QUIET, linewidth=0.8, linestyle=":")
    # Heights are shares of the panel, so that the text stands above it, beside the title.
    above = axes.get_xaxis_transform()
    write = partial(axes.text, fontsize=8, color=style.QUIET, va="bottom", transform=above)
    write(offset, 1.01, "select ", ha="right")
    write(offset + 1, 1.01, " tune", ha="left")


def _limit(axes: Axes, lines: Sequence[Line], figure: str) -> None:
    """Limit the axis to the winner's lines, so that a bad candidate's large loss does not flatten them."""
    values = np.concatenate([np.concatenate([line.training, line.validation]) for line in lines] or [np.array([])])
    values = values[np.isfinite(values)]
    if figure == "loss" and len(values):
        axes.set_ylim(0, float(values.max()) * 1.1 or 1.0)
