"""What learning needs to know of the photos of a classification: the classes, and which of them each photo shows."""

from __future__ import annotations

from typing import Protocol

from vm_worker.intake.dataset import Dataset
from vm_worker.intake.truth import Truth
from vm_worker.learn.arrays import Rows


class ClassLabels(Truth, Protocol):
    """The truth of a dataset whose photos have one class each."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, sorted."""
        ...

    @property
    def labels(self) -> Rows:
        """(n,) the class of each photo, an index into the names."""
        ...


LabelledPhotos = Dataset[ClassLabels]
