"""The class of each photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.dataset import Part


@dataclass(frozen=True, eq=False)
class ClassTruth:
    """One class a photo. The classes are the strata, too."""

    classes: tuple[str, ...]  # sorted
    labels: NDArray[np.int64]  # (n,) indices into the classes

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    @property
    def strata(self) -> NDArray[np.int64]:
        """The labels."""
        return self.labels

    def take(self, rows: NDArray[np.int64]) -> ClassTruth:
        """The classes of these photos."""
        return ClassTruth(self.classes, self.labels[rows])

    def mirrored(self) -> ClassTruth:
        """The same: a mirrored photo shows the same class."""
        return self

    def counts(self, parts: NDArray[np.uint8]) -> dict[str, dict[str, int]]:
        """Photos of each class in each part."""
        return {
            name: {part.name.lower(): int(np.sum((self.labels == label) & (parts == part))) for part in Part}
            for label, name in enumerate(self.classes)
        }

    def digest(self) -> bytes:
        """The labels as bytes."""
        return np.ascontiguousarray(self.labels).tobytes()
