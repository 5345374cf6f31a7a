"""The description of itself that an exported classification model gives: its classes and its accuracy."""

from __future__ import annotations

from vm_worker.exports.service.runtime.bundle import About
from vm_worker.results.evaluated import Evaluated
from vm_worker.tasks.classification.truth import ClassTruth


class ClassFace:
    """The description of a classification model, for the service that runs it."""

    def labels(self, truth: ClassTruth) -> tuple[str, ...]:
        """Return the classes, one for each probability of the model's output."""
        return truth.classes

    def about(self, evaluated: Evaluated) -> About:
        """Return the accuracy on the test photos, with its 95 % interval, and the threshold of sure answers."""
        threshold = evaluated.unsure.threshold if evaluated.unsure else None
        return {"accuracy": evaluated.test.accuracy, "interval": evaluated.test.interval, "threshold": threshold}
