"""A searcher without a search: it suggests the points of a given list."""

from __future__ import annotations

from collections.abc import Sequence

from vm_worker.search.searcher import Outcome, checked
from vm_worker.search.space import Point


class RuleSearcher:
    """A searcher that suggests given points one at a time, in their order, whatever their outcomes."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._left = list(points)
        self._asked = 0

    def ask(self) -> list[Point]:
        """Suggest the next point."""
        batch, self._left = self._left[:1], self._left[1:]
        self._asked = len(batch)
        return batch

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Check the number of outcomes; nothing is learnt from them. Raises ValueError for a wrong number."""
        checked(self._asked, outcomes)

    @property
    def outcome(self) -> str:
        """The state of the search, as a sentence."""
        return "only the rule was tried"
