"""The rule: lower the learning rate, raise the batch size, unfreeze the last block, from the selected head on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from jobs.options import Options
from vm_worker.intake.dataset import Dataset, Part
from vm_worker.learn import activations, assemble, heads, networks, trial
from vm_worker.learn.activations import Cache, Filling, OutOfTime, Viewing
from vm_worker.learn.backbones import CATALOGUE, Backbone, Cut
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import BATCH, Source, forward
from vm_worker.learn.heads import Examples, Head, Plan
from vm_worker.learn.trial import Epoch, Lesson, Recipe, Score, Trial
from vm_worker.learn.weights import WeightFile

Rows = NDArray[np.int64]
Report = Callable[[Mapping[str, Any]], None]

TUNED = "tuned.weights.h5"
CACHE_BYTES = 10 * 1024**3  # at most, on disk
CACHE_PART = 0.4  # of the progress bar
GRAPHS_SECONDS = 12.0  # tracing of the graphs that train and judge
MARGIN = 1.3  # a shared machine is not always as fast as when it was measured


@dataclass(frozen=True)
class TuneRequest:
    """What to tune, on which photos, until when."""

    dataset: Dataset
    weight: WeightFile
    head: Head  # the selected one, trained on train+validation
    options: Options
    budget: Budget
    folder: Path


@dataclass(frozen=True)
class Tuned:
    """What came of it. The figures are of the fixed validation part, by models that had not seen it."""

    better: bool
    weights_path: Path | None  # of the whole assembled model, when better
    trials: tuple[dict[str, Any], ...]
    curve: tuple[dict[str, Any], ...]
    validation_accuracy: float | None  # None when no trial came to its end
    validation_loss: float | None


@dataclass(frozen=True)
class Rung:
    """One size of the rule trial."""

    depth: int  # which of the network's cuts; 0 unfreezes least
    views: int
    epochs: int


# The largest first: what the budget allows is taken.
RUNGS = (Rung(1, 4, 12), Rung(1, 2, 8), Rung(0, 2, 8), Rung(0, 2, 4), Rung(0, 1, 3))
RATE = 3e-4  # the heads' is 1e-2
TRIAL_BATCH = 32


class _Bench:
    """The network cut in two, and the rows that it learns from."""

    def __init__(self, request: TuneRequest, report: Report) -> None:
        self.request = request
        self.report = report
        self.backbone: Backbone = CATALOGUE[request.weight.key]
        self.model = assemble.assemble(request.weight, request.head)
        train, validation = request.dataset.rows(Part.TRAIN), request.dataset.rows(Part.VALIDATION)
        self.source = Source(request.dataset.pixels(self.backbone.size), np.concatenate([train, validation]))
        self.labels: Rows = request.dataset.labels[self.source.rows]
        self.train = np.arange(len(train), dtype=np.int64)
        self.validation = np.arange(len(train), len(self.labels), dtype=np.int64)
        self.curve: list[dict[str, Any]] = []

    def stem(self, cut: Cut) -> keras.Model:
        """Pixels -> activations at the cut."""
        return keras.Model(self.model.input, networks.tensor_at(self.model, cut))

    def tail(self, cut: Cut) -> keras.Model:
        """Activations at the cut -> probabilities; shares its layers with the model."""
        return keras.Model(networks.tensor_at(self.model, cut), self.model.output)

    def tell(self, fraction: float, message: str) -> None:
        """Progress of the stage, 0..1."""
        self.report({"fraction": fraction, "message": message, "curve": list(self.curve)})

    def cache(self, recipe: Recipe) -> Cache:
        """The activations of all rows. Raises OutOfTime."""
        request = self.request
        viewing = Viewing(recipe.views, request.options.mirror, request.options.seed)
        filling = Filling(
            request.folder / "activations.npy",
            request.budget,
            lambda done: self.tell(CACHE_PART * done, f"Preparing {recipe.views} views of each photo"),
        )
        return activations.fill(self.stem(recipe.cut), self.source, viewing, filling)

    def lesson(self, cache: Cache, train: Rows, judge: Rows) -> Lesson:
        """What a trial learns from."""
        return Lesson(cache, self.labels, train, judge, len(self.request.dataset.classes), self.request.options.seed)

    def crown(self, head: Head) -> None:
        """Put this head on top."""
        self.model.get_layer(assemble.OUTPUT).set_weights(list(head.folded()))

    def start(self, features: NDArray[np.float32]) -> Head:
        """The selected head as training rows alone would have made it."""
        head, options = self.request.head, self.request.options
        plan = Plan(len(head.bias), options.epochs, options.seed, (head.strength,))
        return heads.refit(Examples(features[self.train], self.labels[self.train]), plan, head.epochs)

    def features(self, cache: Cache, cut: Cut) -> NDArray[np.float32]:
        """What the frozen network makes of the plain views: (n, d)."""
        pooled = keras.Model(networks.tensor_at(self.model, cut), self.model.get_layer(networks.POOL).output)
        return trial.outputs(pooled, cache, np.arange(len(self.labels), dtype=np.int64))


def tune(request: TuneRequest, report: Report) -> Tuned:
    """Run the rule trial if there is time; keep it only if it is better on the validation part.

    What is kept has then been trained once more in the same way on train+validation, as the head was.
    """
    if request.options.trials == 0:
        return _skipped("no trials were asked for")
    bench = _Bench(request, report)
    recipe = affordable(bench)
    if recipe is None:
        return _skipped("the time left does not allow it")
    started = time.monotonic()
    try:
        return _compete(bench, recipe, started)
    except OutOfTime:
        return _skipped("it did not end in time", recipe, time.monotonic() - started)


def affordable(bench: _Bench) -> Recipe | None:
    """The strongest recipe that fits the budget at this machine's speed; None when none does."""
    options, images = bench.request.options, len(bench.labels)
    whole = _seconds_an_image(bench, bench.model)
    for rung in RUNGS:
        cut = bench.backbone.cuts[rung.depth]
        recipe = Recipe(cut, rung.views, min(rung.epochs, options.epochs), RATE, TRIAL_BATCH)
        stem = bench.stem(recipe.cut)
        below = _seconds_an_image(bench, stem)
        # Backward costs twice what forward does. Judged once on the training rows, then again on all.
        training = 3 * (whole - below) * recipe.epochs * (len(bench.train) + images)
        judging = (whole - below) * (recipe.epochs * len(bench.validation) + images)
        needed = GRAPHS_SECONDS + MARGIN * (recipe.views * images * below + training + judging)
        small = recipe.views * images * 2 * int(np.prod(stem.output.shape[1:])) <= CACHE_BYTES
        if small and needed <= bench.request.budget.remaining():
            return recipe
    return None


def _seconds_an_image(bench: _Bench, model: keras.Model) -> float:
    """Of a forward pass of a full batch."""
    rows = np.resize(bench.source.rows, BATCH)
    forward(model, bench.source.pixels, rows)  # traces the graph
    started = time.monotonic()
    forward(model, bench.source.pixels, rows)
    return (time.monotonic() - started) / BATCH


def _compete(bench: _Bench, recipe: Recipe, started: float) -> Tuned:
    cache = bench.cache(recipe)
    features = bench.features(cache, recipe.cut)
    start = bench.start(features)
    before = trial.score(start.probabilities(features[bench.validation]), bench.labels[bench.validation])
    frozen = bench.model.get_weights()
    bench.crown(start)
    tail = bench.tail(recipe.cut)
    after, epochs = _run(bench, tail, recipe, cache)
    seconds = time.monotonic() - started
    if not after.better_than(before):
        note = f"the frozen network's {before.accuracy:.1%} on the same photos is at least as good"
        row = _row(recipe, after, seconds, "not_better", note)
        return Tuned(False, None, (row,), tuple(bench.curve), before.accuracy, before.loss)
    note = f"{after.accuracy:.1%} on the validation photos; the frozen network had {before.accuracy:.1%}"
    note += _repeated(bench, recipe, cache, (frozen, epochs))
    row = _row(recipe, after, seconds, "kept", note)
    path = bench.request.folder / TUNED
    bench.model.save_weights(str(path))
    return Tuned(True, path, (row,), tuple(bench.curve), after.accuracy, after.loss)


def _run(bench: _Bench, tail: keras.Model, recipe: Recipe, cache: Cache) -> tuple[Score, int]:
    """The trial on training rows, judged on validation rows after each epoch."""
    lesson = bench.lesson(cache, bench.train, bench.validation)

    def tell(number: int, epoch: Epoch) -> None:
        bench.curve.append(_point(bench.backbone.key, number, epoch))
        bench.tell(CACHE_PART + (1 - CACHE_PART) / 2 * number / recipe.epochs, f"Tuning: epoch {number}")

    return Trial(tail, lesson, recipe).run(bench.request.budget, tell)


def _point(name: str, number: int, epoch: Epoch) -> dict[str, Any]:
    figures = {
        "accuracy": epoch.accuracy,
        "loss": epoch.loss,
        "validation_accuracy": epoch.judged.accuracy,
        "validation_loss": epoch.judged.loss,
    }
    return {"phase": "tune", "name": name, "epoch": number} | {key: round(value, 5) for key, value in figures.items()}


def _repeated(bench: _Bench, recipe: Recipe, cache: Cache, found: tuple[list[NDArray[Any]], int]) -> str:
    """Train once more in the same way, now on train+validation; says so. Without the time, nothing changes."""
    judged = bench.model.get_weights()
    frozen, epochs = found
    bench.model.set_weights(frozen)
    bench.crown(bench.request.head)
    bench.tell(CACHE_PART + (1 - CACHE_PART) / 2, "Training once more with the validation photos")
    everything = np.arange(len(bench.labels), dtype=np.int64)
    again = Trial(bench.tail(recipe.cut), bench.lesson(cache, everything, everything[:0]), recipe)
    try:
        again.repeat(epochs, bench.request.budget)
    except OutOfTime:
        bench.model.set_weights(judged)
        return ""
    return "; then trained once more in the same way with the validation photos added"


def _skipped(note: str, recipe: Recipe | None = None, seconds: float = 0.0) -> Tuned:
    row = _row(recipe, None, seconds, "skipped", note)
    return Tuned(False, None, (row,), (), None, None)


def _row(recipe: Recipe | None, score: Score | None, seconds: float, state: str, note: str) -> dict[str, Any]:
    return {
        "number": 1,
        "kind": "rule",
        "parameters": recipe.to_json() if recipe else {},
        "validation_accuracy": round(score.accuracy, 5) if score else None,
        "validation_loss": round(score.loss, 5) if score else None,
        "seconds": round(seconds, 2),
        "state": state,
        "note": note,
    }
