"""Plots of a detector's test: counted against labelled, and precision and recall over thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.ticker import MaxNLocator

from vm_worker.evaluation import style
from vm_worker.tasks.detection.results import CountedPhoto, DetectionFigures

HEIGHT = 4.2  # inches


def counts(path: Path, photos: Sequence[CountedPhoto], things: str) -> None:
    """Draw a point for each photo: how many objects are labelled, and how many were counted."""
    labelled, counted = ([getattr(photo, name) for photo in photos] for name in ("labelled", "counted"))
    most = max([*labelled, *counted, 1])
    with style.figure(path, HEIGHT) as figure:
        axes = figure.subplots()
        axes.plot([0, most], [0, most], color=style.QUIET, linewidth=1, label="exact")
        axes.scatter(labelled, counted, s=26, color=style.VALIDATION, alpha=0.6, label="a test photo")
        axes.set(xlabel=f"labelled {things}", ylabel=f"counted {things}", title="Counts of the test photos")
        axes.set_aspect("equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()


def precision(path: Path, figures: DetectionFigures) -> None:
    """Draw precision and recall over thresholds, with the chosen threshold."""
    places = [
        (place.threshold, place.precision, place.recall) for place in figures.curve if place.precision is not None
    ]
    with style.figure(path, HEIGHT) as figure:
        axes = figure.subplots()
        thresholds, precisions, recalls = zip(*places, strict=True) if places else ((), (), ())
        axes.plot(thresholds, precisions, color=style.VALIDATION, label="precision")
        axes.plot(thresholds, recalls, "--", color=style.TRAINING, label="recall")
        axes.axvline(figures.threshold, color=style.QUIET, linewidth=1)
        axes.annotate(f" chosen: {figures.threshold:g}", (figures.threshold, 0.02), color=style.INK)
        axes.set(xlabel="threshold", ylim=(0, 1.02), title="Precision and recall on the test photos")
        axes.legend()
