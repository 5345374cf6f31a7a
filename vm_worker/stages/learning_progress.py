"""Progress while networks learn: the page shows the candidates so far, and the curve of the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobs.job import Stage
from vm_worker.results.candidates import CandidateRow
from vm_worker.stages.context import StageContext


def listener(context: StageContext, stage: Stage) -> Callable[[Mapping[str, Any]], None]:
    """A function that selection and tuning report to. Only the best candidate's curve is shown: records stay small."""
    before = context.results.selected.curve if stage is Stage.TUNE else ()

    def hear(event: Mapping[str, Any]) -> None:
        if "quoted_seconds" in event:
            context.quote.make(event["quoted_seconds"], event["plain_images_per_second"])
            return
        if "candidates" in event:
            context.progress.show(candidates=tuple(event["candidates"]))
        if "curve" in event:
            best = context.inputs.winner.key if stage is Stage.TUNE else _first(event["candidates"])
            points = tuple(point for point in (*before, *event["curve"]) if point.name == best)
            context.progress.show(curve=points)
        context.progress.tell(stage, event["fraction"], event["message"])

    return hear


def _first(candidates: Sequence[CandidateRow]) -> str:
    return candidates[0].name if candidates else ""
