"""Train a network on one data set: Adam at one rate, the same batch and the same stopping rule for every stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from vm_worker.learn import statistics
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.staged import checkpoint
from vm_worker.learn.staged.checkpoint import CheckpointRule, State
from vm_worker.learn.staged.clock import Clock

JUDGE_BATCH = 64
CACHE = "frozen-outputs.npy"

EpochHeard = Callable[[int, float], None]  # the epoch's number from 1, the accuracy on the validation photos


@dataclass(frozen=True)
class Rule:
    """The optimiser, the batch, and when a training ends."""

    batch: int
    rate: float  # of Adam
    patience: int  # epochs without a lower validation cross-entropy
    epochs: int  # at most
    minutes: float | None  # at most, of wall clock; None: no limit


@dataclass(frozen=True)
class Photos:
    """The photos of one part with their labels."""

    images: Any  # (n, ...) pixels 0..255 of uint8, or frozen outputs of float32; an array or a memory map
    labels: Rows  # (n,)


@dataclass(frozen=True)
class Fitted:
    """What a training took and came to."""

    seconds: float  # wall clock of the fit alone: batches, steps, validation, and filling the cache where there is one
    processor_seconds: float  # of all threads in the same time
    epochs: int
    best_epoch: int  # whose weights the network has
    validation_accuracy: float  # with these weights


@dataclass(frozen=True)
class Fit:
    """One training, before it starts."""

    model: keras.Model  # only its trainable layers learn
    train: Photos
    validation: Photos
    rule: Rule
    seed: int
    kept: CheckpointRule | None = None  # None: a training that is killed is lost


def fit(work: Fit, heard: EpochHeard) -> Fitted:
    """Train until the rule ends it; leave the weights of the epoch with the lowest validation cross-entropy."""
    return _fitted(Clock(), work, heard)


def fit_cached(work: Fit, cut: Any, folder: Path, heard: EpochHeard) -> Fitted:
    """Train as `fit` does on the outputs of the frozen beginning, which are computed once; their time counts.

    `cut` is the output of the beginning. The outputs lie in files of the folder until the end.
    """
    clock, beginning = Clock(), keras.Model(work.model.input, cut)
    files = [folder / f"{part}-{CACHE}" for part in ("train", "validation")]
    try:
        train, validation = (
            Photos(_filled(path, beginning, photos), photos.labels)
            for path, photos in zip(files, (work.train, work.validation), strict=True)
        )
        tail = keras.Model(cut, work.model.output)  # shares its variables with the whole network
        return _fitted(clock, replace(work, model=tail, train=train, validation=validation), heard)
    finally:
        for path in files:
            path.unlink(missing_ok=True)


def probabilities(model: keras.Model, images: Any) -> Floats:
    """Return the answers (n, k) of a model, in batches of one shape, so that one graph suffices."""
    return np.concatenate(list(_outputs(model, images)))


def _fitted(clock: Clock, work: Fit, heard: EpochHeard) -> Fitted:
    # XLA would compile for half a minute on two cores, which is more than it saves.
    work.model.compile(keras.optimizers.Adam(work.rule.rate), "sparse_categorical_crossentropy", jit_compile=False)
    work.model.optimizer.build(work.model.trainable_variables)
    random = np.random.default_rng(work.seed)
    found = checkpoint.read(work.kept.path, work.model, random) if work.kept else None
    state, best = found or (State(), work.model.get_weights())
    if found:
        clock.set(state.seconds, state.processor_seconds)
    written = time.monotonic()
    while _goes_on(state, clock, work.rule):
        _learn(work, random, clock)
        loss, right = _judged(work.model, work.validation)
        state = replace(state, epoch=state.epoch + 1)
        if loss < state.best_loss:
            state, best = (
                replace(state, best_epoch=state.epoch, best_loss=loss, accuracy=right),
                work.model.get_weights(),
            )
        if work.kept and time.monotonic() - written > work.kept.every:
            with clock.stopped():
                state = replace(state, seconds=clock.seconds(), processor_seconds=clock.processor_seconds())
                checkpoint.write(work.kept.path, work.model, state, best, random)
                written = time.monotonic()
        heard(state.epoch, right)
    work.model.set_weights(best)
    return Fitted(clock.seconds(), clock.processor_seconds(), state.epoch, state.best_epoch, state.accuracy)


def _goes_on(state: State, clock: Clock, rule: Rule) -> bool:
    return state.epoch < rule.epochs and state.epoch - state.best_epoch < rule.patience and not _late(clock, rule)


def _learn(work: Fit, random: np.random.Generator, clock: Clock) -> None:
    """Take every photo once, in a new order; what is left of the last batch is made up from its beginning."""
    order = random.permutation(len(work.train.labels))
    batch = min(work.rule.batch, len(order))
    for start in range(0, len(order), batch):
        if _late(clock, work.rule):
            return
        rows = np.sort(np.resize(order[start : start + batch], batch))  # one shape, so one graph; a file reads in order
        images = np.asarray(work.train.images[rows], np.float32)
        work.model.train_on_batch(images, work.train.labels[rows])


def _judged(model: keras.Model, photos: Photos) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the accuracy."""
    answers = probabilities(model, photos.images)
    right = float((answers.argmax(1) == photos.labels).mean())
    return float(statistics.cross_entropy(answers, photos.labels).mean()), right


def _outputs(model: keras.Model, images: Any) -> Iterator[Floats]:
    for start in range(0, len(images), JUDGE_BATCH):
        rows = np.minimum(np.arange(start, start + JUDGE_BATCH), len(images) - 1)
        given = np.asarray(images[rows], np.float32)
        yield np.asarray(model.predict_on_batch(given), np.float32)[: len(images) - start]


def _filled(path: Path, beginning: keras.Model, photos: Photos) -> Any:
    """Write the outputs of the frozen beginning for all photos; return them as a memory map (n, ...) float32."""
    shape = (len(photos.labels), *beginning.output.shape[1:])
    cache = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    start = 0
    for outputs in _outputs(beginning, photos.images):
        cache[start : start + len(outputs)] = outputs
        start += len(outputs)
    return cache


def _late(clock: Clock, rule: Rule) -> bool:
    return rule.minutes is not None and clock.seconds() > 60 * rule.minutes
