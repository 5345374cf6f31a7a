"""How sure counts are: what was labelled and counted in photos that were not learnt from, and what follows for others.

The methods are those of `bounds`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vm_worker.as_json import AsJson
from vm_worker.tasks.detection.engine import bounds
from vm_worker.tasks.detection.engine.bounds import Interval, Numbers

MOST = 400  # photos that are kept
KEY = 8  # characters of a photograph's key: the file with them tells no names


@dataclass(frozen=True)
class Bounds(AsJson):
    """The intervals of a count: of all objects, and of those of each class. None: too few photos or boxes to say."""

    every: Interval | None
    classes: tuple[Interval | None, ...]


@dataclass(frozen=True)
class Certainty(AsJson):
    """Photos with their numbers of objects by class, (photos, classes)."""

    labelled: tuple[tuple[int, ...], ...] = ()
    counted: tuple[tuple[int, ...], ...] = ()
    photographs: tuple[str, ...] = ()  # equal for pictures of one photograph

    @classmethod
    def of(cls, labelled: Numbers, counted: Numbers, photographs: Sequence[str]) -> Certainty:
        """Return the numbers of photos, (photos, classes) each, with the names of their photographs."""
        keys = tuple(hashlib.sha256(name.encode()).hexdigest()[:KEY] for name in photographs)
        rows = [tuple(map(tuple, one.tolist())) for one in (labelled, counted)]
        return cls(rows[0], rows[1], keys).thinned()

    def joined(self, other: Certainty) -> Certainty:
        """Return the photos of both."""
        return Certainty(
            (*self.labelled, *other.labelled),
            (*self.counted, *other.counted),
            (*self.photographs, *other.photographs),
        ).thinned()

    def thinned(self) -> Certainty:
        """Return at most MOST of the photos, evenly out of all."""
        if len(self.labelled) <= MOST:
            return self
        places = np.linspace(0, len(self.labelled) - 1, MOST).round().astype(int).tolist()
        every = (self.labelled, self.counted, self.photographs)
        return Certainty(*(tuple(one[place] for place in places) for one in every))  # type: ignore[arg-type]

    def photo(self, counts: Sequence[int]) -> Bounds:
        """Return the bounds of one photo with these counts, one a class."""
        labelled, counted = self._arrays(len(counts))
        every = bounds.of_photo(labelled.sum(axis=1), counted.sum(axis=1), sum(counts), alike=True)
        if len(counts) == 1:
            return Bounds(every, (every,))
        enough = labelled.sum(axis=0) >= bounds.FEW_BOXES
        classes = (
            bounds.of_photo(labelled[:, kind], counted[:, kind], count) if enough[kind] else None
            for kind, count in enumerate(counts)
        )
        return Bounds(every, tuple(classes))

    def together(self, counts: Sequence[Sequence[int]], classes: int) -> Bounds:
        """Return the bounds of the sums over several photos; `counts` has one row a photo, one number a class."""
        labelled, counted = self._arrays(classes)
        new = np.array(counts, np.int64).reshape(-1, classes)
        photographs = np.unique(np.array(self.photographs, np.str_), return_inverse=True)[1]
        every = bounds.of_sum(labelled.sum(axis=1), counted.sum(axis=1), photographs, new.sum(axis=1))
        return Bounds(
            every,
            tuple(
                bounds.of_sum(labelled[:, kind], counted[:, kind], photographs, new[:, kind]) for kind in range(classes)
            ),
        )

    def _arrays(self, classes: int) -> tuple[Numbers, Numbers]:
        """Return what was labelled and what was counted, (photos, classes) each."""
        labelled, counted = (np.array(one, np.int64).reshape(-1, classes) for one in (self.labelled, self.counted))
        return labelled, counted
