"""The class labels that learning reads from a dataset in which each photo shows one class."""

from __future__ import annotations

from typing import Protocol

from vm_worker.intake.dataset import Dataset
from vm_worker.intake.truth import Truth
from vm_worker.learn.arrays import Rows


class ClassLabels(Truth, Protocol):
    """The true answers of a dataset whose photos have one class each."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, sorted."""
        ...

    @property
    def labels(self) -> Rows:
        """(n,) int64: the class of each photo, an index into `classes`."""
        ...


LabelledPhotos = Dataset[ClassLabels]
