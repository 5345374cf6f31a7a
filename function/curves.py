"""The accuracy curve of a running job as a drawing: plain numbers for an SVG, no picture to fetch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.wording import percent

WIDTH, HEIGHT, LEFT, PAD = 640, 220, 48, 10  # SVG units
STEPS = (0.05, 0.1, 0.25)  # between the grid's lines; the first that gives few enough
LINES_MOST = 6

Rows = Sequence[Mapping[str, Any]]


def chart(rows: Rows) -> dict[str, Any] | None:
    """Lines for validation and training accuracy over the epochs so far; None before there are two."""
    shown = [row for row in rows if row["validation_accuracy"] is not None]
    if len(shown) < 2:
        return None
    values = [row[key] for row in shown for key in ("validation_accuracy", "accuracy") if row[key] is not None]
    low, step = _scale(min(values))
    marks = round((1 - low) / step)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "grid": [
            {"y": round(_y(low + place * step, low), 1), "words": percent(low + place * step)}
            for place in range(marks + 1)
        ],
        "lines": [
            {"name": "training", "points": _points(shown, "accuracy", low)},
            {"name": "validation", "points": _points(shown, "validation_accuracy", low)},
        ],
        "words": f"after {len(shown)} epochs {percent(shown[-1]['validation_accuracy'], 1)} of them are right",
    }


def _scale(least: float) -> tuple[float, float]:
    """The lowest line of the grid and the distance of its lines: the top is always 100 %."""
    step = next((step for step in STEPS if (1 - least) / step < LINES_MOST), STEPS[-1])
    below = max(0.0, least // step * step)
    return round(below, 2), step


def _points(rows: Rows, key: str, low: float) -> str:
    wide = (WIDTH - LEFT - PAD) / (len(rows) - 1)
    return " ".join(
        f"{LEFT + place * wide:.1f},{_y(row[key], low):.1f}" for place, row in enumerate(rows) if row[key] is not None
    )


def _y(value: float, low: float) -> float:
    return PAD + (HEIGHT - 2 * PAD) * (1 - (value - low) / (1 - low))
