"""The progress while networks learn: the status page shows the candidates so far, and the curve of the best one."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.job import Stage
from vm_worker.learn.progress_events import LearningProgress, LearningQuote, ProgressSink
from vm_worker.results.candidates import CandidateRow
from vm_worker.stages.context import StageContext


def listener(context: StageContext, stage: Stage) -> ProgressSink:
    """Return a function to which selection and tuning report.

    Only the best candidate's curve is shown, so that records stay small.
    """
    before = context.results.selected.curve if stage is Stage.TUNE else ()

    def hear(event: LearningProgress | LearningQuote) -> None:
        if isinstance(event, LearningQuote):
            context.quote.make(event.seconds, event.plain_images_per_second)
            return
        if event.candidates is not None:
            context.progress.show(candidates=event.candidates)
        if event.curve is not None:
            best = context.inputs.winner.key if stage is Stage.TUNE else _first(event.candidates or ())
            points = tuple(point for point in (*before, *event.curve) if point.name == best)
            context.progress.show(curve=points)
        context.progress.tell(stage, event.fraction, event.message)

    return hear


def _first(candidates: Sequence[CandidateRow]) -> str:
    return candidates[0].name if candidates else ""
