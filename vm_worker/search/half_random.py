"""A designer beside random search: half of the points are drawn at random, and the designer learns from all of them.

So the designer explores for nothing, and what it gains over luck at equal cost is seen in one search.
"""

from __future__ import annotations

from collections.abc import Sequence

from vm_worker.search.searcher import Designer, Outcome, Searcher, checked
from vm_worker.search.space import Point


class HalfRandomSearcher:
    """A searcher that suggests as many random points as its designer suggests points, the random ones first."""

    def __init__(self, designer: Designer, control: Searcher) -> None:
        """Join a designer and random search."""
        self.designer = designer
        self._control = control
        self._drawn: list[Point] = []  # random points that were not suggested yet
        self._random: list[Point] = []
        self._own: list[Point] = []

    @property
    def drawn(self) -> int:
        """How many points of the last batch, from its first on, are random."""
        return len(self._random)

    def ask(self) -> list[Point]:
        """Suggest a batch; none where the designer or random search has no more points."""
        self._own = self.designer.ask()
        while len(self._drawn) < len(self._own) and (more := self._control.ask()):
            self._drawn += more
        count = min(len(self._own), len(self._drawn))
        self._random, self._drawn = self._drawn[:count], self._drawn[count:]
        return [*self._random, *self._own] if count else []

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Tell the designer all outcomes. Raises ValueError for a wrong number of them."""
        checked(len(self._random) + len(self._own), outcomes)
        for point, outcome in zip(self._random, outcomes, strict=False):
            self.designer.inform(point, outcome)
        self.designer.tell(outcomes[len(self._random) :])

    @property
    def outcome(self) -> str:
        """The state of the designer, as a sentence."""
        return self.designer.outcome
