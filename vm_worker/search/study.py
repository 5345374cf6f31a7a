"""The ports of a search over trials: what is searched, and who keeps what the trials found.

Fine-tuning is one study, its designs are recipes. Another may search architectures. A search needs to know neither.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from jobs.json_values import JsonObject
from vm_worker.search.searcher import Outcome
from vm_worker.search.space import Point, Space

D = TypeVar("D", bound=Hashable)


class Study(Protocol[D]):
    """What is searched: a space of points, each of which stands for a design that a trial can try."""

    @property
    def space(self) -> Space:
        """The points that may be asked for."""
        ...

    @property
    def first(self) -> Sequence[Point]:
        """Points to begin with. Those outside the space are left out."""
        ...

    def decode(self, point: Point) -> D:
        """The design that a point stands for."""
        ...

    def key(self, design: D) -> str:
        """A name for the trial of this design, 40 hex digits: equal where equal results are to be expected."""
        ...

    def task(self, design: D, key: str) -> JsonObject:
        """What an executor is asked to do for the trial."""
        ...

    def fits(self, design: D, begun: Container[str]) -> D | None:
        """The design, or a smaller one in its place, that can be tried in the time that is left; None: not even that.

        What has `begun` (by key) or is known already goes before what fits now.
        """
        ...

    def smaller(self, design: D) -> D | None:
        """A design to try in the place of one that needed too much memory; None: there is no smaller one."""
        ...


@dataclass(frozen=True)
class Ran(Generic[D]):
    """How a trial came about."""

    kind: str  # the search that suggested it
    suggested: D
    design: D  # what was tried of it
    as_: D  # what it was reduced to for want of memory


class Results(Protocol[D]):
    """Who keeps what the trials found."""

    def batch_begins(self) -> None:
        """Hear that a batch of suggestions begins. Its trials are compared with those that have ended before it.

        So it changes nothing how many of them run at a time.
        """
        ...

    def started(self, key: str) -> None:
        """This trial is waited for now."""
        ...

    def committable(self, ran: Ran[D], result: JsonObject) -> JsonObject | None:
        """What is to be kept of a result for later attempts; None: the trial did not come to its end."""
        ...

    def record(self, kind: str, design: D, result: JsonObject) -> Outcome:
        """Enter a committed result. An outcome without an error: the trial found nothing."""
        ...
