"""The true answers of classification: the class of each photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Rows
from vm_worker.intake.dataset import Part


@dataclass(frozen=True, eq=False)
class ClassTruth:
    """The class of each photo. The classes are also the strata of the split."""

    classes: tuple[str, ...]  # sorted
    labels: Rows  # (n,) indices into the classes

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the strata, which are the classes."""
        return self.classes

    @property
    def strata(self) -> Rows:
        """The stratum of each photo, (n,) int64, which is its label."""
        return self.labels

    def take(self, rows: Rows) -> ClassTruth:
        """Return the classes of these photos alone; `rows` is (m,)."""
        return ClassTruth(self.classes, self.labels[rows])

    def mirrored(self) -> ClassTruth:
        """Return this object: a mirrored photo shows the same class."""
        return self

    def counts(self, parts: NDArray[np.uint8]) -> dict[str, dict[str, int]]:
        """Count the photos of each class in each part: {class: {"train", "validation", "test"}}.

        `parts` (n,) are values of `Part`.
        """
        return {
            name: {part.name.lower(): int(np.sum((self.labels == label) & (parts == part))) for part in Part}
            for label, name in enumerate(self.classes)
        }

    def digest(self) -> bytes:
        """Return the labels as bytes."""
        return np.ascontiguousarray(self.labels).tobytes()
