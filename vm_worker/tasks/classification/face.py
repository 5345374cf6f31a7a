"""The labels and the accuracy that an exported classifier shows to users."""

from __future__ import annotations

from vm_worker.exports.service.runtime.bundle import About
from vm_worker.results.evaluated import Evaluated
from vm_worker.tasks.classification.truth import ClassTruth


class ClassFace:
    """The labels of a classifier's outputs, and its accuracy."""

    def labels(self, truth: ClassTruth) -> tuple[str, ...]:
        """Return the classes."""
        return truth.classes

    def about(self, evaluated: Evaluated) -> About:
        """Return the accuracy on the test photos, with its confidence interval."""
        return {"accuracy": evaluated.test.accuracy, "interval": evaluated.test.interval}
