"""The port `Truth`: the true answers that a task knows for the photos of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from vm_worker.intake.arrays import Rows


class Truth(Protocol):
    """The true answers of a dataset's photos, one row a photo."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the strata, sorted."""
        ...

    @property
    def strata(self) -> Rows:
        """(n,) int64: the stratum of each photo, an index into `names`."""
        ...

    def take(self, rows: Rows) -> Self:
        """Return the true answers of these photos alone; `rows` is (m,)."""
        ...

    def mirrored(self) -> Self:
        """Return the true answers of the photos flipped left to right."""
        ...

    def counts(self, parts: NDArray[np.uint8]) -> Mapping[str, Mapping[str, int]]:
        """Count the photos of each stratum in each part: {name: {"train", "validation", "test"}}.

        `parts` (n,) are values of `Part`.
        """
        ...

    def digest(self) -> bytes:
        """Return bytes that are equal on every machine for the same upload."""
        ...
