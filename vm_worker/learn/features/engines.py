"""The ways to send images through a frozen network, and the choice of the fastest one that says the same.

Whatever runs the images for selection and tuning, the test figures come from the delivered file by Keras.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn import statistics
from vm_worker.learn.features import openvino
from vm_worker.learn.features.openvino import Precision, Run
from vm_worker.learn.heads import linear
from vm_worker.learn.heads.linear import FeatureRows, Plan

BATCH = 32  # images; one shape, so one graph. Larger batches are no faster on a CPU and need more memory
KERAS = "Keras"

WORTH_SECONDS = 15.0  # of passes by Keras, below which the other form does not pay for its making
SAMPLE, SAMPLE_SHARE = (32, 128), 1 / 16  # images that both ways are shown: at least, at most; of those to come
FASTER = 1.2  # times: less is not worth another form of the network
ALIKE = 0.999  # mean cosine between the features of an image by either way
CHANCE = 0.05  # exact p of McNemar's test: below it two heads' answers differ by more than chance
HEAD = Plan(classes=0, epochs=20, seed=0, strengths=(0.1,))


@dataclass(frozen=True)
class Engine:
    """One way through the network."""

    name: str
    run: Run  # (m, s, s, 3) uint8 or float32 in 0..255 -> (m, ...) float32; m at most `batch`
    shape: tuple[int, ...]  # of one image's output
    batch: int  # images at a time
    speed: float = 0.0  # images a second, where it was measured
    plain: float = 0.0  # images a second by Keras
    refused: str = ""  # what was tried before and why it was not taken

    @property
    def way(self) -> str:
        """For the report: how the features came, and what was refused for it."""
        used = "" if self.name == KERAS else f"features by {self.name}"
        return "; ".join(filter(None, (used, self.refused)))


@dataclass(frozen=True)
class Sample:
    """Some of the job's own images."""

    images: NDArray[np.uint8]  # (n, s, s, 3)
    labels: NDArray[np.int64]  # (n,)


def by_keras(model: keras.Model) -> Engine:
    """Keras itself, on whatever backend."""

    def run(images: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(filled(images)), np.float32)[: len(images)]

    return Engine(KERAS, run, tuple(model.output.shape[1:]), BATCH)


def compiled(network: openvino.Network, precision: Precision, plain: Engine) -> Engine:
    """By OpenVINO what `plain` does by Keras."""
    run = network.compiled(precision)
    return Engine(f"OpenVINO in {precision}", run, plain.shape, max(BATCH, 8 * run.streams))


def filled(images: NDArray[Any]) -> NDArray[np.float32]:
    """At most BATCH images as float32, filled up to BATCH so that a graph is never traced again."""
    batch = np.zeros((BATCH, *images.shape[1:]), np.float32)
    batch[: len(images)] = images
    return batch


def sample_size(expected: int) -> int:
    """How many images tell whether another way says the same, where so many are to come."""
    return int(np.clip(expected * SAMPLE_SHARE, *SAMPLE))


def fastest(model: keras.Model, sample: Sample, expected: int, folder: Path) -> Engine:
    """The fastest way for so many images that says what Keras says of the sample, with its measured speed."""
    plain = by_keras(model)
    speed = _speed(plain, sample.images[:BATCH])
    plain = replace(plain, speed=speed, plain=speed)
    if not openvino.available() or expected / plain.speed < WORTH_SECONDS:
        return plain
    said = _through(plain, sample.images)
    network = openvino.Network(model, folder)
    notes: list[str] = []
    for precision in openvino.precisions():
        engine = compiled(network, precision, plain)
        engine = replace(engine, plain=speed, speed=_speed(engine, sample.images[: engine.batch]))
        fault = "no faster" if engine.speed < FASTER * plain.speed else difference(engine, sample, said)
        if not fault:
            return replace(engine, refused="; ".join(notes))
        notes.append(f"not by {engine.name}: {fault}")
    return replace(plain, refused="; ".join(notes))


def difference(engine: Engine, sample: Sample, said: NDArray[np.float32]) -> str:
    """What tells the engine's features of the sample from those of Keras; empty where nothing does."""
    found = _through(engine, sample.images)
    cosine = float(cosines(found, said).mean())
    if not cosine >= ALIKE:
        return f"cosine {cosine:.4f} to what Keras says"
    labels = sample.labels
    learnt, judged = np.array_split(np.random.default_rng(0).permutation(len(labels)), 2)
    plan = replace(HEAD, classes=int(labels.max()) + 1)
    # The delivered network runs by Keras under a head that has learnt from the engine's features.
    theirs, ours = (
        linear.refit(FeatureRows(features[learnt], labels[learnt]), plan, plan.epochs)
        .probabilities(said[judged])
        .argmax(1)
        == labels[judged]
        for features in (said, found)
    )
    if theirs.sum() > ours.sum() and statistics.mcnemar(theirs, ours) <= CHANCE:
        return f"a head on its features is right on {ours.mean():.0%}, one on those of Keras on {theirs.mean():.0%}"
    return ""


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Between the rows of two (m, ...) arrays: (m,)."""
    flat = [values.reshape(len(values), -1).astype(np.float64) for values in (one, other)]
    lengths = np.linalg.norm(flat[0], axis=1) * np.linalg.norm(flat[1], axis=1)
    return np.asarray(np.sum(flat[0] * flat[1], axis=1) / np.maximum(lengths, 1e-30), np.float64)


def _through(engine: Engine, images: NDArray[Any]) -> NDArray[np.float32]:
    return np.concatenate([engine.run(images[at : at + engine.batch]) for at in range(0, len(images), engine.batch)])


def _speed(engine: Engine, images: NDArray[Any]) -> float:
    """Images a second, of the second run: the first one traces or compiles."""
    engine.run(images[:2])
    started = time.monotonic()
    engine.run(images)
    return len(images) / max(time.monotonic() - started, 1e-6)
