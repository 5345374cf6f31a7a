"""The evaluate stage: write model.h5, and have it answer the test photos in a clean process, once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.job import Stage
from vm_worker.events import File
from vm_worker.exports import files, formats
from vm_worker.intake.arrays import Flags, Rows
from vm_worker.intake.dataset import Part
from vm_worker.results.designs import DESIGNED, PRETRAINED, ContenderRow, ContendersTested
from vm_worker.results.earlier import BASE_FILES
from vm_worker.results.evaluated import Evaluated
from vm_worker.stages.artifacts import CONTENDER_HEAD, HEAD, JUDGED, PARTNER, PROBABILITIES, TUNED, UNSEEN
from vm_worker.stages.context import StageContext
from vm_worker.stages.output import Output, private, public
from vm_worker.stages.progress import MESSAGES

if TYPE_CHECKING:
    from vm_worker.exports.clean_test import CleanOrder

CLEAN_PASSES = 6.0  # times as long as expected that the photos of model.h5 and model.keras may take


def evaluate(context: StageContext) -> Output:
    """Test the delivered model."""
    context.progress.expect_end_in(context.clock.finish_seconds())
    context.progress.tell(Stage.EVALUATE, 0.0, MESSAGES[Stage.EVALUATE])
    import numpy as np

    from vm_worker.evaluation import insight, unsure
    from vm_worker.evaluation.gallery import Judged
    from vm_worker.evaluation.metrics import evaluate as measure
    from vm_worker.exports.clean_test import CleanTest
    from vm_worker.learn.judge import calibration

    folder, inputs, better = context.folder, context.inputs, context.results.tuned.better
    path, unseen = folder / files.H5, folder / (JUDGED if better else UNSEEN)
    temperature, photos = calibration.read_temperature(unseen)
    dataset, size, exports = inputs.dataset(), inputs.delivered.size, context.spec.options.exports
    rows = dataset.rows(Part.TEST)
    with closing(CleanTest(_order(context, rows))) as clean:
        model = _saved(context, temperature, path)
        probabilities, proved = clean.answers(model, "keras" in exports)
        np.savez(folder / PROBABILITIES, probabilities=probabilities)
        clean.prove_keras(*_keras(context, rows))
        pixels, labels, names = dataset.pixels(size), dataset.truth.labels[rows], [dataset.names[row] for row in rows]
        judged = Judged(pixels, rows, labels, probabilities, dataset.truth.classes, names)
        test, right = measure(probabilities, labels, dataset.truth.classes, names), judged.said == labels
        beside = contenders_tested(context, right)
        # The pictures with photos are drawn here, where the photos and the model are loaded.
        shown = context.clock.allows_pictures()
        result = Evaluated(
            test=test,
            model=files.figures(model, size, path),
            calibration=calibration.before_and_after(probabilities, labels, temperature, photos),
            unsure=unsure.measured(*unsure.learnt(unseen, temperature), probabilities, labels),
            pictures=insight.draw(folder, judged, model, test.pairs) if shown else {},
            doubts=insight.doubts(folder, judged, dataset, context.results.selected.suspects) if shown else None,
            sureness=unsure.by_class(probabilities, labels),
            beside=beside,
            proved=(proved, *clean.keras_rows(probabilities)),
        )
    return _output(context, model, result, right)


def _order(context: StageContext, rows: Rows) -> CleanOrder:
    """Return what is tested, and how: the delivered model, on these test photos (m,)."""
    from vm_worker.exports.clean import Place
    from vm_worker.exports.clean_test import CleanOrder

    inputs, dataset = context.inputs, context.inputs.dataset()
    return CleanOrder(
        folder=context.folder,
        place=Place(dataset.images[inputs.delivered.size], inputs.scratch),
        rows=rows,
        truth=dataset.truth.take(rows),
        agreement=inputs.task.agreement,
        seconds=context.clock.clean_seconds + CLEAN_PASSES * len(rows) / context.clock.plain_speed,
    )


def _keras(context: StageContext, rows: Rows) -> tuple[slice, bool]:
    """Return which of the test photos (m,) prove model.keras, and whether that fits into the time."""
    clock, gflops = context.clock, context.inputs.delivered.gflops
    later = [row for row in formats.wanted(context.spec.options.exports) if row.key != "h5"]
    shown = clock.proof(len(rows), later, gflops)
    pace = formats.Pace(clock.plain_speed, gflops, len(rows[shown]))
    return shown, formats.FORMATS["keras"] in formats.later(later, ["h5"], clock.export_time(), pace)


def _output(context: StageContext, model: Any, result: Evaluated, right: Flags) -> Output:
    """Return what the stage commits: the figures, the files that were made, and what a later job needs."""
    from vm_worker.evaluation import doubts

    result, later = _for_later(context, model, result, right)
    drawn = [*result.pictures, *([doubts.SHEET] if result.doubts else [])]
    made = [row.name for row in result.proved or () if row.state == "made"]
    return Output(result, (*map(public, [*made, *drawn]), private(PROBABILITIES), *later))


def contenders_tested(context: StageContext, right: Flags) -> ContendersTested | None:
    """Compare the best designed network and the best pretrained one on the test photos, once each, after the choice.

    `right` (m,) tells which of them the delivered model answered rightly. None where there are not both, or where this
    machine has no time or no weights for what is not delivered.
    """
    from vm_worker.learn import statistics

    selected = context.results.selected
    both = {row.kind: row for row in selected.contenders or ()}
    if not both or not context.clock.allows_contenders():
        return None
    answers = {kind: right if row.name == selected.winner else _right(context, row) for kind, row in both.items()}
    ours, other = answers[DESIGNED], answers[PRETRAINED]
    if ours is None or other is None:
        return None
    delivered = next((kind for kind, row in both.items() if row.name == selected.winner), "")
    return ContendersTested(
        photos=len(right),
        designed=int(ours.sum()),
        pretrained=int(other.sum()),
        title=context.inputs.delivered.title if delivered == PRETRAINED else both[PRETRAINED].title,
        delivered=delivered,
        p=round(statistics.mcnemar(ours, other), 5),
    )


def _right(context: StageContext, row: ContenderRow) -> Flags | None:
    """Return which test photos (m,) a network gets right; None where this machine has no weights for it."""
    from vm_worker.learn.heads.linear import Head
    from vm_worker.learn.judge.predict import predict
    from vm_worker.learn.networks.assemble import assemble

    dataset, weight = context.inputs.dataset(), context.inputs.contender_weight(row)
    if weight is None:
        return None
    model = assemble(weight, Head.load(context.folder / CONTENDER_HEAD.format(row.kind)))
    test = dataset.rows(Part.TEST)
    answers = predict(model, dataset.pixels(model.input.shape[1]), test).argmax(axis=1)
    right: Flags = answers == dataset.truth.labels[test]
    return right


def _for_later(context: StageContext, model: Any, result: Evaluated, right: Any) -> tuple[Evaluated, tuple[File, ...]]:
    """Write what a later job needs to continue; return the result with what its manifest says, and the files.

    `right` (m,) bool tells which test photos were answered rightly.
    """
    from vm_worker.stages import continuing

    kept = continuing.write(context, model, right)
    names = [name for name in BASE_FILES if kept is not None and (context.folder / name).exists()]
    result = replace(result, continuing=kept, same_tests=continuing.same_tests(context, right))
    return result, tuple(map(private, names))


def _saved(context: StageContext, temperature: float, path: Path) -> Any:
    """Write the model, and return it. One whose network came as text keeps that text, whole."""
    model = _delivered(context, temperature)
    files.save(model, path)
    plan = context.inputs.plan
    if plan is not None:
        from vm_worker.designs.kept import keep
        from vm_worker.learn.networks import designed

        keep(path, designed.drawn(plan, len(context.results.taken_in.classes)).architecture)
    return model


def _delivered(context: StageContext, temperature: float) -> Any:
    """Build the model: the winner, tuned where that was better, perhaps as a pair with another network."""
    from vm_worker.learn.heads.linear import Head
    from vm_worker.learn.networks.assemble import assemble, calibrated, delivered
    from vm_worker.learn.networks.pair import paired

    folder, inputs = context.folder, context.inputs
    found, partner = context.results.tuned, inputs.partner
    model = delivered(inputs.weight(), Head.load(folder / HEAD), folder / TUNED if found.better else None, found.share)
    if partner is not None:
        model = paired(model, assemble(inputs.weight_of(partner), Head.load(folder / PARTNER)))
    return calibrated(model, temperature)
