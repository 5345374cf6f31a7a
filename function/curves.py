"""The learning curve of a running job as a drawing: numbers for an inline SVG, so that no picture is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.shown import ACCURACY, PointShown
from jobs.wording import metric, percent

WIDTH, HEIGHT, LEFT, PAD = 640, 220, 48, 10  # SVG units
STEPS = (0.05, 0.1, 0.25)  # distances of the grid's lines; the smallest that gives few enough lines
LINES_MOST = 6


@dataclass(frozen=True)
class GridLine:
    """A horizontal line of the grid with its label."""

    y: float
    words: str


@dataclass(frozen=True)
class Line:
    """A curve."""

    name: str  # training or validation
    points: str  # points of an SVG polyline


@dataclass(frozen=True)
class Chart:
    """The whole drawing, in SVG units."""

    grid: Sequence[GridLine]
    lines: Sequence[Line]
    words: str  # the content of the drawing in words, for users who cannot see it
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def chart(points: Iterable[PointShown]) -> Chart | None:
    """Draw the scores of validation and training photos over the epochs so far; None before there are two epochs."""
    shown = [point for point in points if point.validation_score is not None]
    if len(shown) < 2:
        return None
    validation, training = [point.validation_score for point in shown], [point.accuracy for point in shown]
    low, step = _scale(min(value for value in (*validation, *training) if value is not None))
    marks = [low + place * step for place in range(round((1 - low) / step) + 1)]
    return Chart(
        grid=[GridLine(round(_y(mark, low), 1), percent(mark)) for mark in marks],
        lines=[Line("training", _points(training, low)), Line("validation", _points(validation, low))],
        words=_words(shown),
    )


def _words(shown: Sequence[PointShown]) -> str:
    last = shown[-1]
    reached = percent(last.validation_score, 1)
    if last.metric == ACCURACY:
        return f"after {len(shown)} epochs {reached} of them are right"
    return f"after {len(shown)} epochs their {metric(last.metric)} is {reached}"


def _scale(least: float) -> tuple[float, float]:
    """Return the lowest line of the grid and the distance of its lines. The top line is always 100 %."""
    step = next((step for step in STEPS if (1 - least) / step < LINES_MOST), STEPS[-1])
    below = max(0.0, least // step * step)
    return round(below, 2), step


def _points(values: Sequence[float | None], low: float) -> str:
    wide = (WIDTH - LEFT - PAD) / (len(values) - 1)
    return " ".join(
        f"{LEFT + place * wide:.1f},{_y(value, low):.1f}" for place, value in enumerate(values) if value is not None
    )


def _y(value: float, low: float) -> float:
    return PAD + (HEIGHT - 2 * PAD) * (1 - (value - low) / (1 - low))
