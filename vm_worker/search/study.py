"""The ports of a search over trials: `Study`, the space that is searched, and `Results`, which keeps the outcomes.

Fine-tuning is a study whose designs are recipes. Another study may search architectures. A search knows neither.
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
    """The port to the subject of a search: a space of points, each of which stands for a design that can be tried."""

    @property
    def space(self) -> Space:
        """The space of the points that may be suggested."""
        ...

    @property
    def first(self) -> Sequence[Point]:
        """The points to begin with. Points outside the space are left out."""
        ...

    def decode(self, point: Point) -> D:
        """Return the design that a point stands for."""
        ...

    def key(self, design: D) -> str:
        """Return a name for the trial of this design, 40 hex digits; equal where equal results are to be expected."""
        ...

    def task(self, design: D, key: str) -> JsonObject:
        """Return the task that an executor runs for the trial."""
        ...

    def fits(self, design: D, begun: Container[str]) -> D | None:
        """Return the design, or a smaller one, that can be tried in the time left; None where not even that fits.

        A variant that has `begun` (by key) or whose result is known is preferred to one that fits now.
        """
        ...

    def smaller(self, design: D) -> D | None:
        """Return a design to try in place of one that needed too much memory; None: there is no smaller one."""
        ...


@dataclass(frozen=True)
class TrialRun(Generic[D]):
    """The origin of a trial: who suggested it, and which design was tried in the end."""

    kind: str  # "rule", or the search that suggested it
    suggested: D
    design: D  # the suggestion, or a smaller design that fits the time
    reduced: D  # the design, or a smaller one that fits the memory


class Results(Protocol[D]):
    """The port to the keeper of the trials' results."""

    def batch_begins(self) -> None:
        """Note that a batch of suggestions begins. Its trials are compared with those that have ended before it.

        So the result does not depend on how many of them run at a time.
        """
        ...

    def started(self, key: str) -> None:
        """Note that the search now waits for this trial."""
        ...

    def committable(self, run: TrialRun[D], result: JsonObject) -> JsonObject | None:
        """Return the result in the form that later attempts read; None: the trial did not come to its end."""
        ...

    def record(self, kind: str, design: D, result: JsonObject) -> Outcome:
        """Enter a committed result and return its outcome; one without an error: the trial found nothing."""
        ...
