"""Running the stages of an attempt in their order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from importlib import import_module

from jobs.job import Stage
from vm_worker.spec import Spec
from vm_worker.stages.context import StageContext
from vm_worker.stages.link import Link, adopted
from vm_worker.stages.output import Output
from vm_worker.stages.progress import MESSAGES

StageFunction = Callable[[StageContext], Output]

log = logging.getLogger(__name__)


def run_stages(spec: Spec, link: Link) -> None:
    """Run every stage of the table that the spec names; those that are done are adopted.

    Raises UserError for a dataset that cannot be used, anything else for our faults.
    """
    stages: Mapping[Stage, StageFunction] = import_module(spec.stages).STAGES
    spec.folder.mkdir(parents=True, exist_ok=True)
    context = StageContext.of(spec, link)
    for stage, function in stages.items():
        if stage in spec.done:
            context.results.add(stage, dict(spec.done[stage].result), spec.done[stage].seconds)
            if stage is Stage.SELECT:
                context.quote.adopt(spec.done[stage].result.get("quoted_seconds"))
        else:
            _run(context, stage, function)


def _run(context: StageContext, stage: Stage, function: StageFunction) -> None:
    began = time.monotonic()
    context.progress.tell(stage, 0.0, MESSAGES[stage])
    output = function(context)
    seconds, result = time.monotonic() - began, output.result.to_json()
    log.info("%s took %.1f s", stage, seconds)
    answer = context.link.commit(
        {
            "event": "stage",
            "stage": stage,
            "seconds": round(seconds, 2),
            "result": result,
            "files": [file.to_json() for file in output.files],
        }
    )
    context.results.add(stage, adopted(answer, result), seconds)
