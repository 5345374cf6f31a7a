"""The Pareto front of accuracy, size and latency: the candidates that no other candidate dominates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from vm_worker.as_json import AsJson
from vm_worker.evaluation import style
from vm_worker.results.candidates import CandidateRow
from vm_worker.results.exported import Latency

LEAST_POINTS = 2  # points that a picture needs at least


@dataclass(frozen=True)
class ParetoPoint(AsJson):
    """The costs and the accuracy of one candidate."""

    name: str
    title: str
    accuracy: float  # on the validation photos; balanced where classes are unequal
    bytes: int  # size as a TFLite model
    one_ms: float  # median milliseconds for one photo on one core
    all_ms: float  # median milliseconds for one photo on all cores
    chosen: bool
    front: bool = False  # true: no other candidate is at least as accurate, small and fast, and better in one of these

    def beats(self, other: ParetoPoint) -> bool:
        """Return whether this candidate is at least as good in everything, and better in something."""
        here, there = self._merits(), other._merits()
        return here != there and all(a >= b for a, b in zip(here, there, strict=True))

    def _merits(self) -> tuple[float, float, float]:
        return self.accuracy, -float(self.bytes), -self.one_ms


def rows(candidates: Sequence[CandidateRow], costs: Mapping[str, Latency]) -> list[ParetoPoint]:
    """Return the candidates with both an accuracy and costs, the fastest first.

    `costs` are the figures of the networks as TFLite models, by name.
    """
    found = [
        _point(row, row.validation_score, costs[row.name])
        for row in candidates
        if row.validation_score is not None and row.name in costs
    ]
    marked = [replace(one, front=not any(other.beats(one) for other in found)) for one in found]
    return sorted(marked, key=lambda one: one.one_ms)


def draw(path: Path, found: Sequence[ParetoPoint]) -> bool:
    """Draw accuracy by latency as PNG, with a line through the front. Return False when there are too few points."""
    if len(found) < LEAST_POINTS:
        return False
    front = [row for row in found if row.front]
    with style.figure(path, height=3.2) as drawing:
        axes = drawing.subplots()
        axes.plot(
            [row.one_ms for row in front],
            [row.accuracy for row in front],
            color=style.VALIDATION,
            linewidth=1.2,
            zorder=2,
        )
        for row in found:
            colour = style.VALIDATION if row.front else style.QUIET
            area = 20 + 6 * row.bytes / 2**20
            axes.scatter(row.one_ms, row.accuracy, area, color=colour, alpha=0.75, zorder=3)
            axes.annotate(row.title, (row.one_ms, row.accuracy), (5, 4), textcoords="offset points", fontsize=7.5)
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


def _point(row: CandidateRow, accuracy: float, cost: Latency) -> ParetoPoint:
    return ParetoPoint(
        name=row.name,
        title=row.title,
        accuracy=accuracy,
        bytes=cost.bytes,
        one_ms=cost.one.median,
        all_ms=cost.all.median,
        chosen=row.state == "chosen",
    )
