"""Run the stages of an attempt in their order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from importlib import import_module

from jobs.job import Stage
from vm_worker.events import StageOffer
from vm_worker.spec import USUAL_STAGES, Spec
from vm_worker.stages.context import StageContext
from vm_worker.stages.link import Link
from vm_worker.stages.output import Output
from vm_worker.stages.progress import MESSAGES

StageFunction = Callable[[StageContext], Output]

log = logging.getLogger(__name__)


def run_stages(spec: Spec, link: Link) -> None:
    """Run every stage of the table that the spec names. Stages that are done are adopted.

    Raises UserError for a dataset that cannot be used. Any other error is a fault of this program.
    """
    spec.folder.mkdir(parents=True, exist_ok=True)
    context = StageContext.of(spec, link)
    for stage, function in _functions(context).items():
        if stage in spec.done:
            context.results.add(stage, dict(spec.done[stage].result), spec.done[stage].seconds)
            if stage is Stage.SELECT:
                context.quote.adopt(context.results.selected.quoted_seconds)
        else:
            _run(context, stage, function)


def _functions(context: StageContext) -> Mapping[Stage, StageFunction]:
    """Return the functions of the stages that the spec names. A task may replace functions of the usual table."""
    stages: Mapping[Stage, StageFunction] = import_module(context.spec.stages).STAGES
    if context.spec.stages != USUAL_STAGES:
        return stages
    return {**stages, **{stage: named(name) for stage, name in context.inputs.task.stages.items()}}


def named(name: str) -> StageFunction:
    """Return the function that "package.module:function" names. Raises ImportError, AttributeError, ValueError."""
    module, function = name.split(":")
    found: StageFunction = getattr(import_module(module), function)
    return found


def _run(context: StageContext, stage: Stage, function: StageFunction) -> None:
    began = time.monotonic()
    context.progress.tell(stage, 0.0, MESSAGES[stage])
    output = function(context)
    seconds, result = time.monotonic() - began, output.result.to_json()
    log.info("%s took %.1f s", stage, seconds)
    answer = context.link.commit(StageOffer(stage, round(seconds, 2), result, output.files))
    context.results.add(stage, answer.result(result), seconds)
