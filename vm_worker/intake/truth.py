"""The port for what a task knows of each photo of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Truth(Protocol):
    """What is known of each photo of a dataset, one row a photo."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the strata, sorted."""
        ...

    @property
    def strata(self) -> NDArray[np.int64]:
        """(n,) the stratum of each photo, an index into the names."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Self:
        """What is known of these photos."""
        ...

    def mirrored(self) -> Self:
        """What is known of the photos when they are flipped left to right."""
        ...

    def counts(self, parts: NDArray[np.uint8]) -> Mapping[str, Mapping[str, int]]:
        """Photos of each stratum in each part, by the parts (n,): {name: {"train", "validation", "test"}}."""
        ...

    def digest(self) -> bytes:
        """Bytes that are equal on every machine that read the same upload."""
        ...
