"""The stage that turns the tested model into files: every format that was asked for and that the time allows."""

from __future__ import annotations

from typing import Any

from jobs.errors import Bug
from jobs.job import Stage
from vm_worker.exports import delivery, files, formats
from vm_worker.exports.verify import Proof
from vm_worker.intake.dataset import Part
from vm_worker.stages import Output, Work, public

PROBABILITIES = "test.npz"  # what model.h5 says of the test photos
CLEAN_SECONDS = 300.0  # at most, for the proof: a model.h5 is proved whatever the time


def export(work: Work) -> Output:
    """The formats, each proved in a clean process. Raises Bug when model.h5 does not survive there."""
    import numpy as np

    dataset, backbone = work.dataset(), work.winner
    with np.load(work.folder / PROBABILITIES) as saved:
        expected = saved["probabilities"]
    chosen = formats.wanted(work.spec.options.exports)
    shown = work.proof(len(expected), len(chosen))
    test = dataset.rows(Part.TEST)[shown]
    images, labels = dataset.images[backbone.size], dataset.truth.labels[test]
    order = delivery.Order(
        folder=work.folder,
        formats=tuple(chosen),
        proof=Proof(images, test, labels, expected[shown], work.scratch, CLEAN_SECONDS),
        train=dataset.rows(Part.TRAIN),
        classes=dataset.truth.classes,
        about=_about(work),
        pace=formats.Pace(work.plain_speed, backbone.gflops, len(test)),
        seconds=work.export_time(),
        tell=lambda fraction, message: work.tell(Stage.EXPORT, fraction, message),
    )
    rows = delivery.deliver(order)
    _check_h5(rows)
    files.write_labels(dataset.truth.classes, work.folder / files.LABELS)
    made = [files.LABELS, *(row["name"] for row in rows if row["state"] == "made")]
    listed = [files.listed(work.folder / name) for name in made]
    new = tuple(public(name) for name in made if name != files.H5)
    return Output({"exports": rows, "files": listed, **_costs(work)}, new)


def _costs(work: Work) -> dict[str, Any]:
    """Size and latency of the candidates that were judged, where somebody asked for TFLite at all."""
    judged = [row["name"] for row in work.results[Stage.SELECT]["candidates"] if row["validation_accuracy"] is not None]
    seconds = work.export_time() if "tflite" in work.spec.options.exports else 0.0
    return delivery.costs(judged, work.scratch, seconds)


def _about(work: Work) -> dict[str, Any]:
    """What a service says of its model."""
    figures = {name: work.results[Stage.EVALUATE]["test"][name] for name in ("accuracy", "interval")}
    origin = {"job": work.spec.job, "made_at": work.spec.started_at, "licence": work.winner.licence}
    return {"title": work.winner.title, **figures, **origin}


def _check_h5(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["name"] == files.H5 and row["state"] != "made":
            raise Bug(f"model.h5 does not survive a clean process: {row['note']}")
