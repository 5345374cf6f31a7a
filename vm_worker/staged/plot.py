"""The picture of an experiment: accuracy by minutes of each repeat, and the minutes of many models together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from vm_worker.evaluation import style
from vm_worker.staged.results import Arm, Column, Outcome
from vm_worker.staged.text import heading

COLOURS = {Arm.STAGE: style.VALIDATION, Arm.CACHED: "#009e73", Arm.SCRATCH: style.TRAINING}  # Okabe and Ito
MARKS = {Arm.STAGE: "o", Arm.CACHED: "^", Arm.SCRATCH: "s"}
MODELS_SHOWN = (10, 300)  # at least and at most


def draw(path: Path, result: Outcome) -> None:
    """Draw the last data set's trainings; below them the minutes that k models take, where there is a comparison."""
    panels = 2 if result.savings else 1
    with style.figure(path, height=3.1 * panels) as drawing:
        axes = np.atleast_1d(drawing.subplots(panels))
        _accuracies(axes[0], result)
        if result.savings:
            _totals(axes[1], result)


def _accuracies(axes: Any, result: Outcome) -> None:
    last = len(result.stages)
    for column in (one for one in result.columns if one.stage == last):
        rows = [row for row in result.trainings if (row.arm, row.stage) == (column.arm, last)]
        look = {"color": COLOURS[column.arm], "marker": MARKS[column.arm]}
        axes.scatter([row.minutes for row in rows], [row.accuracy for row in rows], s=18, alpha=0.45, lw=0, **look)
        axes.errorbar(
            column.minutes.mean,
            column.accuracy.mean,
            yerr=_half(column.accuracy),
            xerr=_half(column.minutes),
            capsize=3,
            label=_label(column, result),
            **look,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(
        FuncFormatter(lambda value, _: f"{value:.2g}" if _first_digit(value) in (2, 5) else "")
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.grid(True, which="both", color=style.GRID)
    axes.set_axisbelow(True)
    axes.set_xlabel("minutes of the fit")
    axes.set_ylabel("test photos right")
    axes.set_title("Each repeat, and the mean with its 95 % interval" if result.repeats > 1 else "One repeat")
    axes.legend(loc="best", fontsize=8)


def _totals(axes: Any, result: Outcome) -> None:
    """Draw the minutes that k models take together: all stages once, then the last stage for each; and from scratch."""
    pays = [one.pays_from for one in result.savings]
    least, limit = MODELS_SHOWN
    most = min(limit, max([least, *(2 * one for one in pays if one)]))
    models = np.arange(0, most + 1)
    for saving in result.savings:
        name = "staged" if saving.arm is Arm.STAGE else "staged, cached"
        told = "never pays" if saving.pays_from is None else f"pays from model {saving.pays_from}"
        axes.plot(
            models,
            saving.earlier_minutes + models * saving.last_minutes,
            color=COLOURS[saving.arm],
            linestyle="-" if saving.arm is Arm.STAGE else ":",
            label=f"{name}: {told}",
        )
    scratch = result.savings[0].scratch_minutes
    axes.plot(models, models * scratch, color=COLOURS[Arm.SCRATCH], linestyle="--", label="from scratch")
    axes.set_xlim(0, most)
    axes.set_ylim(bottom=0)
    axes.grid(True, color=style.GRID)
    axes.set_xlabel("models for new problems, such as the last stage's")
    axes.set_ylabel("minutes in all")
    axes.set_title("All stages count: when they pay")
    axes.legend(loc="best", fontsize=8)


def _half(mean: Any) -> float | None:
    return None if mean.high is None else float(mean.high - mean.mean)


def _label(column: Column, result: Outcome) -> str:
    name = heading(column.arm, column.stage, result.stages)
    return f"stage {name}" if column.arm is not Arm.SCRATCH and style.drawable(name) else _plain(column)


def _plain(column: Column) -> str:
    return "from scratch" if column.arm is Arm.SCRATCH else f"stage {column.stage}"


def _first_digit(value: float) -> int:
    return int(f"{value:e}"[0])
