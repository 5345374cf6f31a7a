"""The report stage: the report in every form, with its plots."""

from __future__ import annotations

import platform
from importlib.metadata import version

from vm_worker.results.reported import Reported
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, public

PACKAGES = ("modelmail", "tensorflow", "keras", "numpy", "pillow")  # whose versions the report names


def report(context: StageContext) -> Output:
    """Write the report."""
    from vm_worker import report as reports

    spec, results, winner = context.spec, context.results, context.inputs.winner
    facts = reports.Facts(
        job=reports.JobFacts(spec.job, spec.created_at, spec.started_at, spec.options),
        dataset=results.taken_in,
        select=results.selected,
        tune=results.tuned,
        evaluate=results.evaluated,
        export=results.exported,
        seconds={stage: round(seconds, 1) for stage, seconds in results.seconds.items()},
        versions={"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        licence=reports.Licence(winner.licence, winner.attribution),
        size=winner.size,
        model_days=spec.limits.model_days,
        files_url=spec.files_url,
        quoted_seconds=results.selected.quoted_seconds,
        hourly_price=spec.hourly_price,
    )
    built = reports.build(facts)
    names = reports.write(facts, built, context.folder)
    return Output(Reported(built["headline"]), tuple(map(public, names)))
