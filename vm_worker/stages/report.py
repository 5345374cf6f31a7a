"""The report stage: the report in every form, with its plots."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import cast

from jobs.job import Stage
from vm_worker.report_facts import Facts, JobFacts, Licence, TestedModel
from vm_worker.results.reported import Reported
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, public

PACKAGES = ("modelmail", "tensorflow", "keras", "numpy", "pillow")  # packages whose versions the report names


def report(context: StageContext) -> Output:
    """Write the report."""
    from vm_worker import report as reports
    from vm_worker.exports import try_page

    spec, results, winner, task = context.spec, context.results, context.inputs.delivered, context.inputs.task
    facts = Facts(
        job=JobFacts(spec.job, spec.created_at, spec.started_at, spec.options),
        dataset=results.taken_in,
        select=results.selected,
        tune=results.tuned,
        evaluate=cast(TestedModel, results.read(Stage.EVALUATE, task.evaluated)),
        export=results.exported,
        sections=task.sections,
        seconds={stage: round(seconds, 1) for stage, seconds in results.seconds.items()},
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        licence=Licence(winner.licence, winner.attribution),
        size=winner.size,
        model_days=spec.limits.model_days,
        quoted_seconds=results.selected.quoted_seconds,
        hourly_price=spec.hourly_price,
        lost_base=context.inputs.earlier.lost,
        minutes_most=spec.limits.minutes_max,
    )
    built = reports.build(facts)
    kept = try_page.write(context.folder, built)
    if kept is not None:
        built["try_page"] = {"bytes": kept.stat().st_size}
    names = [*reports.write(facts, built, context.folder), *([kept.name] if kept else [])]
    return Output(Reported(built["headline"]), tuple(map(public, names)))
