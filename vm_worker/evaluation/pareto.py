"""Accuracy against size and latency: which candidates no other one beats in everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from vm_worker.evaluation import style

LEAST_POINTS = 2  # fewer are no picture

Row = Mapping[str, Any]


def rows(candidates: Sequence[Row], figures: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Those that were judged and measured: name, title, accuracy, bytes, one_ms, all_ms, front, chosen; fastest first.

    `figures` are those of the networks as TFLite models (name -> bytes, one, all). `front`: none of the others is at
    least as accurate, as small and as fast, and better in one of these.
    """
    found = [_row(row, figures[row["name"]]) for row in candidates if _known(row, figures)]
    for one in found:
        one["front"] = not any(_beats(other, one) for other in found)
    return sorted(found, key=lambda row: float(row["one_ms"]))


def draw(path: Path, found: Sequence[Row]) -> bool:
    """Accuracy by latency, the front joined; PNG. False where there is too little to show."""
    if len(found) < LEAST_POINTS:
        return False
    front = [row for row in found if row["front"]]
    with style.figure(path, height=3.2) as drawing:
        axes = drawing.subplots()
        axes.plot(*_places(front), color=style.VALIDATION, linewidth=1.2, zorder=2)
        for row in found:
            colour = style.VALIDATION if row["front"] else style.QUIET
            area = 20 + 6 * row["bytes"] / 2**20
            axes.scatter(row["one_ms"], row["accuracy"], area, color=colour, alpha=0.75, zorder=3)
            place = (row["one_ms"], row["accuracy"])
            axes.annotate(row["title"], place, (5, 4), textcoords="offset points", fontsize=7.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("milliseconds a photo on one core (TFLite); area: size of the file")
        axes.set_ylabel("validation accuracy")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
        axes.margins(0.15)
        axes.grid()
        axes.set_axisbelow(True)
    return True


def _known(row: Row, figures: Mapping[str, Row]) -> bool:
    return row["validation_accuracy"] is not None and row["name"] in figures


def _row(row: Row, figures: Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "title": row["title"],
        "accuracy": row["validation_accuracy"],
        "bytes": figures["bytes"],
        "one_ms": figures["one"]["median"],
        "all_ms": figures["all"]["median"],
        "chosen": row["state"] == "chosen",
    }


def _beats(other: Row, one: Row) -> bool:
    here, there = (_merits(row) for row in (one, other))
    return there != here and all(b >= a for a, b in zip(here, there, strict=True))


def _merits(row: Row) -> tuple[float, float, float]:
    return float(row["accuracy"]), -float(row["bytes"]), -float(row["one_ms"])


def _places(found: Sequence[Row]) -> tuple[list[float], list[float]]:
    return [row["one_ms"] for row in found], [row["accuracy"] for row in found]
