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

    # Mean squared error of the predicted probabilities, >= 0; for a trial given up early, the lowest it reached. For a
    # network that is designed, 1 less its validation score.
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


class Designer(Searcher, Protocol):
    """A search that designs networks: it learns from points of others too, and may show what it thinks."""

    def inform(self, point: Point, outcome: Outcome) -> None:
        """Take the outcome of a point that somebody else suggested. It is not suggested again, where that can be."""
        ...

    @property
    def undecided(self) -> float | None:
        """How undecided it is: 1 for one that guesses, 0 for one that always chooses alike; None: that is not known."""
        ...

    def leanings(self) -> Leanings:
        """Return what it thinks of each choice, by place and value; empty: it does not show that."""
        ...


Leanings = Mapping[str, Mapping[str, float]]


class Reticent:
    """A part of designers that do not show what they think."""

    undecided: float | None = None

    def leanings(self) -> Leanings:
        """Return nothing."""
        return {}


def checked(asked: int, outcomes: Sequence[Outcome]) -> None:
    """Check that there is one outcome for each point that was asked for. Raises ValueError."""
    if len(outcomes) != asked:
        raise ValueError(f"{asked} points were asked for, {len(outcomes)} outcomes told")
