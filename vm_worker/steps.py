"""What each stage does: the learning engine, the evaluation, the exports and the report, in their order.

Each stage imports what it needs: a dataset that is rejected at intake never waits for TensorFlow or pandas.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from jobs.job import Stage
from vm_worker.events import TrialOffer
from vm_worker.exporting import PROBABILITIES, export
from vm_worker.exports import files
from vm_worker.intake.dataset import Part
from vm_worker.learn.progress_events import LearningProgress, ProgressSink, Quote
from vm_worker.repeating import JUDGED, TUNED, UNSEEN, repeat
from vm_worker.results.candidates import CandidateRow
from vm_worker.stages import GROWN, Output, Work, private, public, select_budget, tune_budget

HEAD = "head.npz"
START_LEAST = 3.0  # seconds: what is loaded already here must still be loaded by the process that proves the files
SUSPECTS_LISTED = 20  # photos that may be in the wrong folder, named in the report


def intake(work: Work) -> Output:
    """Unpack, check, decode, split."""
    return Output(work.dataset().to_json())


def select(work: Work) -> Output:
    """A head for each candidate; the best one."""
    started = time.monotonic()
    from vm_worker.learn.features.shards import spread
    from vm_worker.learn.select.selection import SelectRequest
    from vm_worker.learn.select.selection import select as choose

    work.start_seconds = max(START_LEAST, time.monotonic() - started)
    found, missing = work.weights()
    folder = work.scratch
    with spread(work.spec.cluster, folder) as extract:
        request = SelectRequest(
            work.dataset(), found, work.spec.options, select_budget(work), folder, extract, work.finishing
        )
        selection = choose(request, _teller(work, Stage.SELECT))
    selection.head.save(work.folder / HEAD)
    absent = [_without_weights(key, reason) for key, reason in missing.items()] if work.spec.options.candidates else []
    result = {
        "winner": selection.winner,
        "candidates": [*(row.to_json() for row in selection.candidates), *absent],
        "curve": [point.to_json() for point in selection.curve],
        "note": selection.note,
        "images_per_second": selection.images_per_second,
        "plain_images_per_second": selection.plain_images_per_second,
        "quoted_seconds": work.quoted_seconds,
        "start_seconds": round(work.start_seconds, 1),
        "pruning": [row.to_json() for row in selection.pruning],
        "learning_curve": selection.findings.learning_curve and selection.findings.learning_curve.to_json(),
        "suspects": [row.to_json() for row in selection.suspects[:SUSPECTS_LISTED]],
        "suspects_count": None if selection.findings.suspects is None else len(selection.suspects),
    }
    selection.findings.save(work.folder / UNSEEN)
    own = []
    if selection.grown is not None:
        selection.grown.weights.replace(work.folder / GROWN)
        result["from_scratch"] = {"epochs": selection.grown.trained.epochs}
        own.append(private(GROWN))
    return Output(result, (private(HEAD), private(UNSEEN), *own))


def tune(work: Work) -> Output:
    """The rule (lower learning rate, larger batch, last blocks unfrozen), then a search."""
    if work.from_scratch:
        return repeat(work)
    import numpy as np

    from vm_worker.learn.heads.linear import Head
    from vm_worker.learn.tune.tuning import TuneRequest
    from vm_worker.learn.tune.tuning import tune as train
    from vm_worker.learn.tune.tuning_inputs import SelectedNetwork
    from vm_worker.search.trial_runner import Committed

    request = TuneRequest(
        dataset=work.dataset(),
        chosen=SelectedNetwork(work.weight(), Head.load(work.folder / HEAD)),
        options=work.spec.options,
        budget=tune_budget(work),
        folder=work.scratch,
        images_per_second=work.results[Stage.SELECT]["images_per_second"],
        committed=Committed({key: done.result for key, done in work.spec.trials.items()}, _committer(work)),
        cluster=work.spec.cluster,
    )
    tuned = train(request, _teller(work, Stage.TUNE))
    result = {
        "better": tuned.better,
        "trials": [row.to_json() for row in tuned.trials],
        "curve": [point.to_json() for point in tuned.curve],
        "search": tuned.search.to_json(),
        **_delivered_figures(work, tuned),
    }
    kept = []
    if tuned.validation is not None:
        labels = work.dataset().truth.labels[work.dataset().rows(Part.VALIDATION)]
        np.savez(work.folder / JUDGED, probabilities=tuned.validation, labels=labels)
        kept.append(private(JUDGED))
    if tuned.better and tuned.weights_path is not None:
        tuned.weights_path.replace(work.folder / TUNED)
        kept.append(private(TUNED))
    return Output(result, tuple(kept))


def _committer(work: Work) -> Callable[[str, float, Mapping[str, Any]], Mapping[str, Any]]:
    """Offers a finished trial to the parent; the result that counts comes back."""

    def commit(key: str, seconds: float, result: Mapping[str, Any]) -> Mapping[str, Any]:
        return work.link.commit(TrialOffer(key, round(seconds, 2), result)).result(result)

    return commit


def _delivered_figures(work: Work, tuned: Any) -> dict[str, float]:
    """Of what will be delivered: without a finished trial, the figures that selection gave the winner."""
    names = ("validation_accuracy", "validation_loss")
    if tuned.validation_accuracy is not None:
        return {name: getattr(tuned, name) for name in names}
    winner = work.results[Stage.SELECT]["winner"]
    row = next(row for row in work.results[Stage.SELECT]["candidates"] if row["name"] == winner)
    return {name: row[name] for name in names}


def evaluate(work: Work) -> Output:
    """Write model.h5, load it again, and use the test set, once."""
    work.expect_the_end()
    import numpy as np

    from vm_worker.evaluation import unsure
    from vm_worker.evaluation.metrics import evaluate as measure
    from vm_worker.learn.heads.linear import Head
    from vm_worker.learn.judge import calibration
    from vm_worker.learn.judge.predict import predict
    from vm_worker.learn.networks.assemble import delivered

    tuned = work.folder / TUNED if work.results[Stage.TUNE]["better"] else None
    path = work.folder / files.H5
    judged = work.folder / (JUDGED if work.results[Stage.TUNE]["better"] else UNSEEN)
    temperature, photos = calibration.learnt(judged)
    files.save(delivered(work.weight(), Head.load(work.folder / HEAD), tuned, temperature), path)
    model = files.load(path)
    dataset = work.dataset()
    rows = dataset.rows(Part.TEST)
    probabilities = predict(model, dataset.pixels(work.winner.size), rows)
    names = [dataset.names[row] for row in rows]
    np.savez(work.folder / PROBABILITIES, probabilities=probabilities)
    test = measure(probabilities, dataset.truth.labels[rows], dataset.truth.classes, names)
    pictures = _pictures(work, model, probabilities, test["pairs"])
    result = {
        "test": test,
        "unsure": unsure.measured(*unsure.learnt(judged, temperature), probabilities, dataset.truth.labels[rows]),
        "pictures": pictures,
        "calibration": calibration.compared(probabilities, dataset.truth.labels[rows], temperature)
        | {"images": photos},
        "model": {
            "layers": files.layer_rows(model),
            **files.totals(model),
            "input": f"raw RGB 0..255, {work.winner.size} x {work.winner.size}",
            "bytes": path.stat().st_size,
        },
    }
    return Output(result, (public(files.H5), *map(public, pictures), private(PROBABILITIES)))


def _pictures(work: Work, model: Any, probabilities: Any, pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The report's photos: drawn here, where photos and model are at hand."""
    from vm_worker.evaluation import insight
    from vm_worker.evaluation.gallery import Judged

    dataset = work.dataset()
    rows = dataset.rows(Part.TEST)
    judged = Judged(
        pixels=dataset.pixels(work.winner.size),
        rows=rows,
        labels=dataset.truth.labels[rows],
        probabilities=probabilities,
        classes=dataset.truth.classes,
        names=[dataset.names[row] for row in rows],
    )
    return insight.draw(work.folder, judged, model, pairs)


def report(work: Work) -> Output:
    """The report in every form, with its plots."""
    from vm_worker import report as reports

    facts = reports.Facts(
        job=_job(work),
        dataset=work.results[Stage.INTAKE],
        select=work.results[Stage.SELECT],
        tune=work.results[Stage.TUNE],
        evaluate=work.results[Stage.EVALUATE],
        export=work.results[Stage.EXPORT],
        seconds={stage: round(seconds, 1) for stage, seconds in work.seconds.items()},
        versions=_versions(),
        licence={"name": work.winner.licence, "attribution": work.winner.attribution},
        size=work.winner.size,
        model_days=work.spec.limits.model_days,
        files_url=work.spec.files_url,
        quoted_seconds=work.results[Stage.SELECT].get("quoted_seconds"),
        hourly_price=work.spec.hourly_price,
    )
    built = reports.build(facts)
    names = reports.write(built, work.folder)
    return Output({"headline": built["headline"]}, tuple(public(name) for name in names))


STEPS: Mapping[Stage, Callable[[Work], Output]] = {
    Stage.INTAKE: intake,
    Stage.SELECT: select,
    Stage.TUNE: tune,
    Stage.EVALUATE: evaluate,
    Stage.EXPORT: export,
    Stage.REPORT: report,
}


def _teller(work: Work, stage: Stage) -> ProgressSink:
    """Progress of learning, with the curve of the best candidate so far: the record must stay small."""
    before = work.results[Stage.SELECT]["curve"] if stage is Stage.TUNE else []

    def tell(event: LearningProgress | Quote) -> None:
        if isinstance(event, Quote):
            work.quote(event.seconds, event.plain_images_per_second)
            return
        shown: dict[str, Any] = {}
        if event.candidates is not None:
            shown["candidates"] = [row.to_json() for row in event.candidates]
        if event.curve is not None:
            best = work.winner.key if stage is Stage.TUNE else _first(event.candidates or ())
            shown["curve"] = [row for row in (*before, *(one.to_json() for one in event.curve)) if row["name"] == best]
        work.tell(stage, event.fraction, event.message, **shown)

    return tell


def _first(candidates: Sequence[CandidateRow]) -> str:
    return candidates[0].name if candidates else ""


def _without_weights(key: str, reason: str) -> dict[str, Any]:
    from vm_worker.learn.networks.catalogue import CATALOGUE

    nothing = dict.fromkeys(("validation_accuracy", "validation_interval", "validation_loss", "seconds"))
    row = CATALOGUE[key]
    return {
        "name": key,
        "title": row.title,
        "parameters": row.parameters,
        "state": "no_weights",
        "note": reason,
    } | nothing


def _job(work: Work) -> dict[str, Any]:
    spec = work.spec
    return {
        "id_short": spec.job,
        "created_at": spec.created_at,
        "started_at": spec.started_at,
        "options": spec.options.to_json(),
    }


def _versions() -> dict[str, str]:
    packages = ("modelmail", "tensorflow", "keras", "numpy", "pillow")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
