"""The rule: lower the learning rate, raise the batch size, unfreeze the last block, from the selected head on."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import trial
from vm_worker.learn.activations import Cache, OutOfTime
from vm_worker.learn.bench import CACHE_PART, Bench, Report, TuneRequest
from vm_worker.learn.heads import Head
from vm_worker.learn.rungs import affordable
from vm_worker.learn.trial import Epoch, Recipe, Score, Trial

__all__ = ["TuneRequest", "Tuned", "tune"]

TUNED = "tuned.weights.h5"
LATE = "it did not end in time"
AGAIN = "; then trained once more in the same way with the validation photos added"


@dataclass(frozen=True)
class Tuned:
    """What came of it. The figures are of the fixed validation part, by models that had not seen it."""

    better: bool
    weights_path: Path | None  # of the whole assembled model, when better
    trials: tuple[dict[str, Any], ...]
    curve: tuple[dict[str, Any], ...]
    validation_accuracy: float | None  # None when no trial came to its end
    validation_loss: float | None
    validation: NDArray[np.float32] | None = None  # (m, k): what the model of these figures says of the validation part


def tune(request: TuneRequest, report: Report) -> Tuned:
    """Run the rule trial if there is time; keep it only if it is better on the validation part.

    What is kept has then been trained once more in the same way on train+validation, as the head was.
    """
    if request.options.trials == 0:
        return _skipped("no trials were asked for")
    bench = Bench(request, report)
    recipe = affordable(bench)
    if recipe is None:
        return _skipped("the time left does not allow it")
    started = time.monotonic()
    try:
        return _compete(bench, recipe, started)
    except OutOfTime:
        return _skipped(LATE, recipe, time.monotonic() - started)


@dataclass(frozen=True)
class Found:
    """What the trial came to on the validation part."""

    score: Score
    epochs: int
    share: float  # of the way from the selected head's network to the trained one
    said: NDArray[np.float32] | None = None  # (m, k) of the validation part
    pace: float = 0.0  # seconds of an epoch on the training rows, judging included


def _run(bench: Bench, recipe: Recipe, cache: Cache) -> Found:
    """Train on training rows, judge on validation rows; the model is left as the best that was seen."""
    lesson = bench.lesson(cache, bench.train, bench.validation)
    tail = bench.tail(recipe.cut)
    before = tail.get_weights()

    def tell(number: int, epoch: Epoch) -> None:
        bench.curve.append(_point(bench.backbone.key, number, epoch))
        bench.tell(CACHE_PART + (1 - CACHE_PART) / 2 * number / recipe.epochs, f"Tuning: epoch {number}")

    started = time.monotonic()
    score, epochs = Trial(tail, lesson, recipe).run(bench.request.budget, tell)
    pace = (time.monotonic() - started) / max(1, len(bench.curve))
    if epochs == 0:
        return Found(trial.NOTHING, 0, 0.0)
    trained, share = tail.get_weights(), 1.0
    # A network part of the way back has forgotten less, which is often better, most of all on few photos.
    for candidate in trial.SHARES:
        tail.set_weights(trial.blend(before, trained, candidate))
        blended = trial.judge(tail, lesson)
        if blended.better_than(score):
            score, share = blended, candidate
    tail.set_weights(trial.blend(before, trained, share))
    return Found(score, epochs, share, trial.outputs(tail, cache, bench.validation), pace)


def _compete(bench: Bench, recipe: Recipe, started: float) -> Tuned:
    cache = bench.cache(recipe)
    features = bench.features(cache, recipe.cut)
    plain = bench.refit(features[:1], bench.train)
    before = bench.judged(plain, features)
    start = bench.refit(features, bench.train)  # views teach the head too
    seen, seconds = bench.judged(start, features), time.monotonic() - started
    bench.reset(start)
    found = _run(bench, recipe, cache)
    rule = _rule(recipe, found, time.monotonic() - started)
    views = _row(2, None, seen, seconds) | {"kind": "views", "parameters": {"views": recipe.views}}
    best = max((before, seen, found.score), key=lambda score: (score.accuracy, -score.loss))
    if best is before:
        said = bench.said(plain, features)
        return Tuned(False, None, (rule, views), tuple(bench.curve), before.accuracy, before.loss, said)
    final = bench.refit(features, bench.everything)
    if best is found.score:
        rule |= {"state": "kept", "note": _gain(before, best) + _repeated(bench, recipe, cache, (final, found))}
    else:
        bench.reset(final)
        views |= {"state": "kept", "note": _gain(before, best) + AGAIN}
    path = bench.request.folder / TUNED
    bench.model.save_weights(str(path))
    told = found.said if best is found.score else bench.said(start, features)
    return Tuned(True, path, (rule, views), tuple(bench.curve), best.accuracy, best.loss, told)


def _rule(recipe: Recipe, found: Found, seconds: float) -> dict[str, Any]:
    if found.epochs == 0:
        return _row(1, recipe, None, seconds) | {"state": "skipped", "note": LATE}
    row = _row(1, recipe, found.score, seconds)
    row["parameters"] |= {"epochs kept": found.epochs, "part of the change kept": found.share}
    return row


def _gain(before: Score, after: Score) -> str:
    return f"{after.accuracy:.1%} on the validation photos; the selected head had {before.accuracy:.1%}"


def _point(name: str, number: int, epoch: Epoch) -> dict[str, Any]:
    figures = {
        "accuracy": epoch.accuracy,
        "loss": epoch.loss,
        "validation_accuracy": epoch.judged.accuracy,
        "validation_loss": epoch.judged.loss,
    }
    return {"phase": "tune", "name": name, "epoch": number} | {key: round(value, 5) for key, value in figures.items()}


def _repeated(bench: Bench, recipe: Recipe, cache: Cache, best: tuple[Head, Found]) -> str:
    """Train once more in the same way, now on train+validation; says so. Without the time, nothing changes."""
    head, found = best
    if found.pace * found.epochs * len(bench.everything) / len(bench.train) > bench.request.budget.remaining():
        return ""
    judged = bench.model.get_weights()
    bench.reset(head)
    bench.tell(CACHE_PART + (1 - CACHE_PART) / 2, "Training once more with the validation photos")
    tail = bench.tail(recipe.cut)
    before = tail.get_weights()
    lesson = bench.lesson(cache, bench.everything, bench.everything[:0])
    try:
        # As many epochs as were best, with the rate coming down to 0 in them.
        Trial(tail, lesson, replace(recipe, epochs=found.epochs)).repeat(bench.request.budget)
    except OutOfTime:
        bench.model.set_weights(judged)
        return ""
    tail.set_weights(trial.blend(before, tail.get_weights(), found.share))
    return AGAIN


def _skipped(note: str, recipe: Recipe | None = None, seconds: float = 0.0) -> Tuned:
    row = _row(1, recipe, None, seconds) | {"state": "skipped", "note": note}
    return Tuned(False, None, (row,), (), None, None)


def _row(number: int, recipe: Recipe | None, score: Score | None, seconds: float) -> dict[str, Any]:
    return {
        "number": number,
        "kind": "rule",
        "parameters": recipe.to_json() if recipe else {},
        "validation_accuracy": round(score.accuracy, 5) if score else None,
        "validation_loss": round(score.loss, 5) if score else None,
        "seconds": round(seconds, 2),
        "state": "not_better",
        "note": "",
    }
