"""What a model that tells classes apart says of itself."""

from __future__ import annotations

from vm_worker.exports.service.runtime.bundle import About
from vm_worker.results.evaluated import Evaluated
from vm_worker.tasks.classification.truth import ClassTruth


class ClassFace:
    """A class for each number that the model gives; how often it was right."""

    def labels(self, truth: ClassTruth) -> tuple[str, ...]:
        """The classes."""
        return truth.classes

    def about(self, evaluated: Evaluated) -> About:
        """Accuracy on the test photos, with its interval."""
        return {"accuracy": evaluated.test.accuracy, "interval": evaluated.test.interval}
