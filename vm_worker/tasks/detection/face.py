"""The description of itself that an exported detector gives: its classes and how well it counts."""

from __future__ import annotations

from vm_worker.exports.service.runtime.bundle import About
from vm_worker.tasks.detection.results import DetectionFigures
from vm_worker.tasks.detection.truth import BoxTruth


class DetectorFace:
    """The description of a detector, for the service that runs it."""

    def labels(self, truth: BoxTruth) -> tuple[str, ...]:
        """Return the classes, which are the first numbers of each point of the model's output."""
        return truth.classes

    def about(self, evaluated: DetectionFigures) -> About:
        """Return how many objects of the test photos were found, and the mean error of the count."""
        scores = evaluated.scores
        return {"count_error": scores.count_error, "labelled": scores.labelled, "found": scores.found}
