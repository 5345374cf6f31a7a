"""The port `Annotations`: how a task reads its labels from the files of an upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from jobs.limits import Limits
from vm_worker.intake.arrays import Rows
from vm_worker.intake.listing import Found
from vm_worker.intake.survey import Survey
from vm_worker.intake.truth import Truth

S = TypeVar("S", bound=Survey)
T_co = TypeVar("T_co", bound=Truth, covariant=True)


class Annotations(Protocol[S, T_co]):
    """A reader of the uploads of one task."""

    def recognises(self, found: Sequence[Found]) -> bool:
        """Return whether these files look like an upload of this task."""
        ...

    def survey(self, found: Sequence[Found], limits: Limits) -> S:
        """List the photos of an upload. Raises UserError with the code that says what is wrong."""
        ...

    def check(self, counts: Mapping[str, int], limits: Limits) -> None:
        """Check the number of usable photos of each stratum. Raises UserError where they are too few."""
        ...

    def conflicts(self, survey: S, kept: Sequence[int], exact: Rows) -> tuple[str, ...]:
        """Return sentences for the report about copies of one picture that have different annotations.

        `kept` are indices into the survey's photos. `exact` (len(kept),) int64 is equal for exact copies of a picture.
        Raises UserError where two strata are the same.
        """
        ...

    def cautions(self, counts: Mapping[str, int], limits: Limits) -> tuple[str, ...]:
        """Return sentences for the report about strata with few usable photos."""
        ...

    def truth(self, survey: S, kept: Sequence[int]) -> T_co:
        """Return the true answers of the photos that are used; `kept` are indices into the survey's photos."""
        ...


@runtime_checkable
class Levelled(Protocol):
    """A reader of uploads whose folders are the classes, on a level that the user may name."""

    def at(self, level: str) -> Annotations[Any, Any]:
        """Return the reader of uploads whose classes are on this level: "inner", "outer", or empty: by their names."""
        ...
