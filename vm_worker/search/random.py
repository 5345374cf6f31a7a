"""Random search: every point is drawn at random (Bergstra and Bengio, JMLR 2012)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vm_worker.search.searcher import Outcome, Reticent, checked
from vm_worker.search.space import Plain, Point, Space, identity

BATCH = 4  # points a batch
DRAWS = 100  # tries to find a point that has not been suggested before


class RandomSearcher(Reticent):
    """A searcher that suggests random points, none of them twice."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._random = np.random.default_rng(seed)
        self._seen: set[tuple[tuple[str, Plain], ...]] = set()
        self._asked = 0

    def ask(self) -> list[Point]:
        """Suggest up to BATCH new points; none once the space seems to be used up."""
        batch = [point for point in (self._new() for _ in range(BATCH)) if point is not None]
        self._asked = len(batch)
        return list(batch)

    def _new(self) -> Point | None:
        for _ in range(DRAWS):
            point = self._space.draw(self._random)
            if identity(point) not in self._seen:
                self._seen.add(identity(point))
                return point
        return None

    def inform(self, point: Point, outcome: Outcome) -> None:
        """Note that the point is known."""
        self._seen.add(identity(point))

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Check the number of outcomes; nothing is learnt from them. Raises ValueError for a wrong number."""
        checked(self._asked, outcomes)

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence."""
        return f"{len(self._seen)} random settings were handed out"
