"""The port through which intake reads what the uploads of a task say of their photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from jobs.limits import Limits
from vm_worker.intake.listing import Found
from vm_worker.intake.survey import Survey
from vm_worker.intake.truth import Truth

S = TypeVar("S", bound=Survey)
T_co = TypeVar("T_co", bound=Truth, covariant=True)


class Annotations(Protocol[S, T_co]):
    """How the uploads of one task are read."""

    def recognises(self, found: Sequence[Found]) -> bool:
        """Whether these files look like an upload of this task."""
        ...

    def survey(self, found: Sequence[Found], limits: Limits) -> S:
        """The photos of an upload. Raises UserError with the code that tells what is wrong."""
        ...

    def check(self, counts: Mapping[str, int], limits: Limits) -> None:
        """Raises UserError where so many usable photos of each stratum are too few."""
        ...

    def conflicts(self, survey: S, kept: Sequence[int], exact: NDArray[np.int64]) -> tuple[str, ...]:
        """Sentences for the report about copies of one picture of which different things are said.

        `kept` are indices into the survey's photos, `exact` (len(kept),) is equal for exact copies of one picture.
        """
        ...

    def cautions(self, counts: Mapping[str, int], limits: Limits) -> tuple[str, ...]:
        """Sentences for the report about strata with few usable photos."""
        ...

    def truth(self, survey: S, kept: Sequence[int]) -> T_co:
        """What is known of the photos that are used."""
        ...
