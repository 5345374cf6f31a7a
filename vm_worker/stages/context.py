"""The context of an attempt: the spec, the link, the clock and the results, which each stage gets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from jobs.job import Stage
from vm_worker.spec import Spec
from vm_worker.stages.clock import JobClock
from vm_worker.stages.committed import CommittedResults
from vm_worker.stages.inputs import Inputs
from vm_worker.stages.link import Link
from vm_worker.stages.progress import ProgressTeller
from vm_worker.stages.quote import Quote


@dataclass(frozen=True)
class StageContext:
    """The context of an attempt that runs."""

    spec: Spec
    link: Link
    results: CommittedResults
    progress: ProgressTeller
    inputs: Inputs
    clock: JobClock
    quote: Quote

    @classmethod
    def of(cls, spec: Spec, link: Link) -> StageContext:
        """Return the context of an attempt that begins now; the start of its process is a part of its budget."""
        began, results = spec.counted or time.monotonic(), CommittedResults()
        end = began + spec.seconds
        progress = ProgressTeller(link, end - 60.0 * spec.options.minutes, end)
        inputs = Inputs(spec, results, lambda fraction, text: progress.tell(Stage.INTAKE, fraction, text))
        clock = JobClock(spec, results, inputs, began)
        return cls(spec, link, results, progress, inputs, clock, Quote(clock, progress, spec.hourly_price))

    @property
    def folder(self) -> Path:
        """The folder for the attempt's files."""
        return self.spec.folder
