"""Ways to train a network on from its frozen head of all depths, each beside that head.

    python -m tests.benchmarks.recipes trashnet.zip cifar10_small.zip --seeds 0 1

EfficientNet-Lite0 at 224 pixels learns from 400 photos of a zip (a class is a folder; a split inside is not kept) and
is judged on 500 others. Each recipe runs for 4 epochs, on photos and one random view of each, without a choice by
validation: the last blocks, or the scales and offsets of every normalisation, whose statistics stay frozen, or both
recipes' logits averaged. As in a job, the logits of other depths are those of the frozen network. One row for each
set, recipe and share in a mean of logits with the frozen head: photos right, points more than that head with their
paired standard error, cross-entropy, and seconds of the processor for a training; of each seed, then of the photos of
all seeds. The pass through the frozen network comes before, and is equal for all.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers

from tests.benchmarks.accuracy import EPOCHS, LITE0, features
from tests.benchmarks.photos import Photos, drawn
from vm_worker.learn import statistics
from vm_worker.learn.arrays import Flags, Floats, Halves, Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import folds, head_validation
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings, softmax
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.catalogue import OUTPUT
from vm_worker.learn.networks.weights import find
from vm_worker.learn.tune.recipe import EVERYTHING, Recipe, Views
from vm_worker.learn.tune.split_network import SplitNetwork
from vm_worker.learn.tune.tail_training import TailData, TailTraining, outputs
from vm_worker.learn.tune.timetable import RATE
from vm_worker.learn.tune.tuning_inputs import HEAD, ROWS, UNSEEN, TuningInputs

LEARNT, JUDGED, MOST = 400, 500, 1800  # photos; the last: drawn from a zip at most
SHARES = (1.0, 0.5, 0.25)  # of what was trained, in the mean with the frozen head
VIEWS = Views(2)
BLOCKS = Recipe(catalogue.find(LITE0).cuts[0].layer, 4, RATE, 32)
NORMS = replace(BLOCKS, cut=EVERYTHING.layer)
FOREVER = Budget.of(1e7)


@dataclass(frozen=True)
class Answers:
    """What a model says of the judged photos, and the seconds of the processor that its training took."""

    probabilities: Floats  # (m, k)
    seconds: float

    def shared(self, other: Answers, share: float) -> Answers:
        """Return the mean of both models' logits, in which this one has such a share."""
        logits = [np.log(np.maximum(one.probabilities, 1e-30)) for one in (self, other)]
        return Answers(softmax(share * logits[0] + (1 - share) * logits[1]), self.seconds)


@dataclass(frozen=True)
class Judged:
    """The figures of each judged photo."""

    right: Flags  # (m,)
    losses: Floats  # (m,) nats
    seconds: float


def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--rates", type=float, nargs="+", default=[3e-3], help="learning rates of the normalisations")
    options = parser.parse_args()
    for source in options.sets:
        photos = drawn(source, MOST)
        values = features(photos, LITE0, catalogue.find(LITE0).size)
        rows: dict[str, list[Judged]] = {}
        for seed in options.seeds:
            found = dict(_by_seed(photos, values, seed, options.rates))
            _show(f"{photos.name}, seed {seed}", {name: [judged] for name, judged in found.items()})
            for name, judged in found.items():
                rows.setdefault(name, []).append(judged)
        _show(photos.name, rows)


def _by_seed(photos: Photos, values: Halves, seed: int, rates: Sequence[float]) -> Iterator[tuple[str, Judged]]:
    """Yield each row of the table, on one draw of the photos; the frozen head first."""
    order = folds.interleaved(photos.labels, seed)
    learnt, judged = order[:LEARNT], order[LEARNT : LEARNT + JUDGED]
    truth = photos.labels[judged]
    with tempfile.TemporaryDirectory() as folder:
        inputs, frozen = _prepared(photos, values, (learnt, judged), seed, Path(folder))
        yield "frozen head of all depths", _judged(frozen, truth)
        network = SplitNetwork(inputs)
        found = {"last blocks": _trained(network, BLOCKS)}
        for rate in rates:
            recipe = replace(NORMS, rate=rate)
            one = found[f"normalisations, {rate:g}"] = _trained(network, recipe, norms=True)
            both = found["last blocks"].shared(one, 0.5)
            found[f"both, {rate:g}"] = replace(both, seconds=found["last blocks"].seconds + one.seconds)
        for name, answers in found.items():
            for share in SHARES:
                yield f"{name}, share {share:g}", _judged(answers.shared(frozen, share), truth)


def _prepared(
    photos: Photos, values: Halves, parts: tuple[Rows, Rows], seed: int, folder: Path
) -> tuple[TuningInputs, Answers]:
    """Train the head of all depths; write what a job's trials read, the judged photos in the validation's place."""
    learnt, judged = parts
    table = FeatureTable(values[learnt], photos.labels[learnt], np.arange(LEARNT), LEARNT * 3 // 4, 1280)
    settings, began = HeadSettings(len(photos.classes), EPOCHS, seed), time.process_time()
    head = head_validation.refit(table, settings, head_validation.validate(table, settings))
    seconds, size = time.process_time() - began, catalogue.find(LITE0).size
    head.save(folder / HEAD)
    head.save(folder / UNSEEN)
    labels = photos.labels[np.concatenate(parts)]
    np.savez(folder / ROWS, train=learnt, validation=judged, labels=labels)
    np.save(folder / "pixels.npy", photos.squares(size))
    weight = find((LITE0,), os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)[0][LITE0]
    inputs = TuningInputs(weight, folder / "pixels.npy", folder, settings.classes, EPOCHS, mirror=True, seed=seed)
    return inputs, Answers(head.probabilities(values[judged]), seconds)


def _trained(network: SplitNetwork, recipe: Recipe, norms: bool = False) -> Answers:
    """Train above the recipe's cut from the head of all depths, as a trial does; `norms`: these and the head alone."""
    inputs = network.inputs(recipe.cut, VIEWS, FOREVER, lambda part: None)
    network.reset(network.first(network.train))
    tail = network.tail(recipe.cut)
    if norms:
        _only_norms(network.model)
    return _run(tail, network.data(inputs, network.train, network.train[:0]), recipe, network.validation)


def _only_norms(model: keras.Model) -> None:
    """Let the scales and offsets of normalisation and the last layer be trained alone.

    The statistics stay frozen, as a folded network does not compute any.
    """
    for layer in model.layers:
        layer.trainable = isinstance(layer, layers.BatchNormalization) or layer.name == OUTPUT


def _run(tail: keras.Model, data: TailData, recipe: Recipe, judged: Rows) -> Answers:
    began = time.process_time()
    TailTraining(tail, data, recipe).repeat(FOREVER)
    seconds = time.process_time() - began
    return Answers(outputs(tail, data, judged), seconds)


def _judged(answers: Answers, truth: Rows) -> Judged:
    losses = statistics.cross_entropy(answers.probabilities, truth).astype(np.float32)
    return Judged(answers.probabilities.argmax(1) == truth, losses, answers.seconds)


def _show(title: str, rows: dict[str, list[Judged]]) -> None:
    """Print the rows of a set, the first one's gains being 0."""
    base = np.concatenate([one.right for one in next(iter(rows.values()))])
    print(f"{title}, {len(base)} judged\n{'':<48}{'right':>8}{'gain':>16}{'loss':>8}{'CPU s':>8}")
    for name, seeds in rows.items():
        right, losses = (np.concatenate([getattr(one, of) for one in seeds]) for of in ("right", "losses"))
        gain = 100 * (right.astype(float) - base)
        error, seconds = gain.std() / np.sqrt(len(gain)), np.mean([one.seconds for one in seeds])
        figures = f"{100 * right.mean():>7.1f}%{gain.mean():>+9.1f} +- {error:.1f}{losses.mean():>8.3f}{seconds:>8.0f}"
        print(f"{name:<48}{figures}", flush=True)


if __name__ == "__main__":
    main()
