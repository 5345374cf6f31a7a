"""The brightness of each photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.dataset import Part

NAMES = ("bright", "dark")
MIDDLE = 0.5  # from here on a photo is bright


@dataclass(frozen=True, eq=False)
class BrightnessTruth:
    """One number a photo."""

    values: NDArray[np.float64]  # (n,) 0..1

    @property
    def names(self) -> tuple[str, ...]:
        """The strata."""
        return NAMES

    @property
    def strata(self) -> NDArray[np.int64]:
        """(n,) bright or dark."""
        return (self.values < MIDDLE).astype(np.int64)

    def take(self, rows: NDArray[np.int64]) -> BrightnessTruth:
        """The numbers of these photos."""
        return BrightnessTruth(self.values[rows])

    def mirrored(self) -> BrightnessTruth:
        """The same: a mirrored photo is as bright."""
        return self

    def counts(self, parts: NDArray[np.uint8]) -> dict[str, dict[str, int]]:
        """Photos of each stratum in each part."""
        return {
            name: {part.name.lower(): int(np.sum((self.strata == number) & (parts == part))) for part in Part}
            for number, name in enumerate(NAMES)
        }

    def digest(self) -> bytes:
        """The numbers as bytes."""
        return self.values.tobytes()
