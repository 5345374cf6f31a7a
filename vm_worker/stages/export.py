"""The export stage: write the tested model to files, in every requested format that the time allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.errors import Bug
from jobs.job import Stage
from vm_worker.exports import files, formats
from vm_worker.intake.dataset import Part
from vm_worker.results.evaluated import Evaluated
from vm_worker.results.exported import Exported, ExportRow, Latency
from vm_worker.stages.artifacts import PROBABILITIES
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, public

if TYPE_CHECKING:
    from vm_worker.exports.service.runtime.bundle import About


def export(context: StageContext) -> Output:
    """Make the formats and prove each in a clean process. Raises Bug when model.h5 does not pass there.

    What the evaluate stage has proved is not proved again.
    """
    import numpy as np

    from vm_worker.exports import delivery
    from vm_worker.exports.verify import Proof
    from vm_worker.learn.latency import measurement

    inputs, clock, task = context.inputs, context.clock, context.inputs.task
    dataset, backbone = inputs.dataset(), inputs.delivered
    with np.load(context.folder / PROBABILITIES) as saved:
        expected = saved["probabilities"]
    chosen, proved = formats.wanted(context.spec.options.exports), _proved(context)
    missing = [row for row in chosen if row.key not in {one.format for one in proved}]
    shown = clock.proof(len(expected), missing, backbone.gflops)
    test = dataset.rows(Part.TEST)[shown]
    images, truth, labels = dataset.images[backbone.size], dataset.truth.take(test), task.face.labels(dataset.truth)
    order = delivery.Order(
        folder=context.folder,
        formats=tuple(chosen),
        proof=Proof(images, test, truth, expected[shown], task.agreement, inputs.scratch, clock.clean_seconds),
        train=dataset.rows(Part.TRAIN),
        classes=labels,
        about=about(context),
        pace=formats.Pace(clock.plain_speed, backbone.gflops, len(test)),
        seconds=clock.export_time(),
        tell=lambda fraction, message: context.progress.tell(Stage.EXPORT, fraction, message),
        proved=proved,
    )
    rows = delivery.deliver(order)
    check_h5(rows)
    files.write_labels(labels, context.folder / files.LABELS)
    made = [files.LABELS, *(row.name for row in rows if row.state == "made")]
    listed = tuple(files.listed(context.folder / name) for name in made)
    there = {files.H5, *(row.name for row in proved)}
    new = tuple(public(name) for name in made if name not in there)
    return Output(Exported(tuple(rows), listed, _costs(context), measurement.machine()), new)


def _proved(context: StageContext) -> tuple[ExportRow, ...]:
    """Return the rows of the files that the evaluate stage has made and proved."""
    evaluated = context.results.read(Stage.EVALUATE, context.inputs.task.evaluated)
    return (evaluated.proved or ()) if isinstance(evaluated, Evaluated) else ()


def check_h5(rows: Sequence[ExportRow]) -> None:
    """Raise Bug when model.h5 is not among the files that were made and proved."""
    for row in rows:
        if row.name == files.H5 and row.state != "made":
            raise Bug(f"model.h5 does not survive a clean process: {row.note}")


def _costs(context: StageContext) -> dict[str, Latency]:
    """Return size and latency of the measured candidates; empty when the user asked for no TFLite file."""
    from vm_worker.exports import delivery

    candidates = context.results.selected.candidates
    judged = [row.name for row in candidates if row.validation_score is not None]
    seconds = context.clock.export_time() if "tflite" in context.spec.options.exports else 0.0
    return delivery.costs(judged, context.inputs.scratch, seconds)


def about(context: StageContext) -> About:
    """Return the facts about the model that its service shows."""
    task, winner = context.inputs.task, context.inputs.delivered
    white = context.inputs.dataset().grey_white
    return {
        **({"grey_white": white} if white else {}),
        "title": winner.title,
        **task.face.about(context.results.read(Stage.EVALUATE, task.evaluated)),
        "job": context.spec.job,
        "made_at": context.spec.started_at,
        "licence": winner.licence,
    }
