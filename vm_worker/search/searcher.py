"""The one protocol of all search algorithms: ask for a batch of points, tell what came of each.

A searcher hands out whole batches and is told in the order of asking. So the number of trials that run
at a time changes nothing, and an interrupted search is replayed by telling it the same outcomes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vm_worker.search.space import Point


@dataclass(frozen=True)
class Outcome:
    """What came of one point."""

    # Mean squared error of the predicted probabilities, >= 0; of one given up early the best it reached.
    error: float | None  # None: it was not tried


class Searcher(Protocol):
    """A search in progress."""

    def ask(self) -> list[Point]:
        """The next batch, in the order in which it will be told. Empty: the search is over."""
        ...

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """What came of the last batch, one outcome a point. Raises ValueError when the numbers differ."""
        ...

    @property
    def outcome(self) -> str:
        """How the search ended or stands, as one plain sentence."""
        ...


def checked(asked: int, outcomes: Sequence[Outcome]) -> None:
    """Raises ValueError unless there is one outcome for each point that was asked for."""
    if len(outcomes) != asked:
        raise ValueError(f"{asked} points were asked for, {len(outcomes)} outcomes told")
