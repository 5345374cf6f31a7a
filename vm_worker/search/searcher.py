"""The protocol of all search algorithms: ask for a batch of points, tell the outcome of each.

A searcher suggests whole batches, and the outcomes are told in the same order. So the number of trials that run at a
time changes nothing, and an interrupted search is replayed by telling it the same outcomes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vm_worker.search.space import Point


@dataclass(frozen=True)
class Outcome:
    """The outcome of one point."""

    # Mean squared error of the predicted probabilities, >= 0; for a trial given up early, the lowest it reached.
    error: float | None  # None: the point was not tried
    costs: Mapping[str, float] = field(default_factory=dict)  # by name with its unit: latency_ms, bytes


class Searcher(Protocol):
    """A search in progress."""

    def ask(self) -> list[Point]:
        """Suggest the next batch, in the order in which its outcomes are told. Empty: the search is over."""
        ...

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of the last batch, one a point. Raises ValueError when the numbers differ."""
        ...

    @property
    def outcome(self) -> str:
        """The end or state of the search, as one plain sentence."""
        ...


def checked(asked: int, outcomes: Sequence[Outcome]) -> None:
    """Check that there is one outcome for each point that was asked for. Raises ValueError."""
    if len(outcomes) != asked:
        raise ValueError(f"{asked} points were asked for, {len(outcomes)} outcomes told")
