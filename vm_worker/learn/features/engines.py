"""Engines that run a frozen network, Keras or OpenVINO, and the choice of the fastest one with equal answers.

The engine serves selection and tuning only: the test figures always come from the delivered file, run by Keras.
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
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.features import openvino
from vm_worker.learn.features.openvino import Precision, Run
from vm_worker.learn.heads import linear
from vm_worker.learn.heads.linear import FeatureRows, HeadSettings

BATCH = 32  # images; always padded to this, so one graph suffices. Larger ones are no faster on a CPU, and need memory
KERAS = "Keras"

SAMPLE = (32, 64)  # images that two engines are compared on, at least and at most
SAMPLE_SHARE = 1 / 32  # of the images to come, between these bounds
CHANCE = 0.05  # exact p of McNemar's test; below it two heads' answers differ by more than chance
HEAD = HeadSettings(classes=0, epochs=20, seed=0, strengths=(0.1,))


@dataclass(frozen=True)
class EnginePolicy:
    """The conditions under which another engine than Keras is tried, and taken."""

    worth_seconds: float = 15.0  # of work by Keras; with less, converting the network takes longer than it saves
    faster: float = 1.2  # times; an engine that gains less is not worth its conversion
    alike: float = 0.999  # least mean cosine between the features of an image by two engines


POLICY = EnginePolicy()


@dataclass(frozen=True)
class Engine:
    """A frozen network, ready to run."""

    name: str
    run: Run  # (m, s, s, 3) uint8 or float32 in 0..255 -> (m, ...) float32; m at most `batch`
    shape: tuple[int, ...]  # of one image's output
    batch: int  # images at a time
    speed: float = 0.0  # images a second, where it was measured
    plain: float = 0.0  # images a second by Keras
    refused: str = ""  # what was tried before and why it was not taken

    @property
    def way(self) -> str:
        """The report's note: which engine computed the features, and which ones were refused."""
        used = "" if self.name == KERAS else f"features by {self.name}"
        return "; ".join(filter(None, (used, self.refused)))


@dataclass(frozen=True)
class Sample:
    """A sample of the job's own images, on which engines are compared."""

    images: NDArray[np.uint8]  # (n, s, s, 3)
    labels: Rows  # (n,)
    last: int = 0  # how many of the features, the first ones, are the last map's; 0: all of them


def by_keras(model: keras.Model) -> Engine:
    """Make the engine that runs the model by Keras, on any backend."""

    def run(images: NDArray[Any]) -> Floats:
        return np.asarray(model.predict_on_batch(padded(images)), np.float32)[: len(images)]

    return Engine(KERAS, run, tuple(model.output.shape[1:]), BATCH)


def compiled(network: openvino.Network, precision: Precision, plain: Engine) -> Engine:
    """Make the engine that runs a network by OpenVINO; `plain` is the same network by Keras."""
    run = network.compiled(precision)
    return Engine(f"OpenVINO in {precision}", run, plain.shape, max(BATCH, 8 * run.streams))


def padded(images: NDArray[Any]) -> Floats:
    """Return at most BATCH images as float32, padded with zeros to (BATCH, ...) so that one graph suffices."""
    batch = np.zeros((BATCH, *images.shape[1:]), np.float32)
    batch[: len(images)] = images
    return batch


def sample_size(expected: int) -> int:
    """Return how many images engines are compared on, where `expected` images are to come."""
    return int(np.clip(expected * SAMPLE_SHARE, *SAMPLE))


def fastest(model: keras.Model, sample: Sample, expected: int, folder: Path, policy: EnginePolicy = POLICY) -> Engine:
    """Return the fastest engine with the answers of Keras on the sample, and its measured speed.

    `expected` is the number of images to come: with few of them Keras is kept. `folder` holds the converted network.
    """
    plain = by_keras(model)
    expected_features, speed = by_keras_timed(plain, sample.images)
    plain = replace(plain, speed=speed, plain=speed)
    if not openvino.available() or expected / plain.speed < policy.worth_seconds:
        return plain
    network = openvino.Network(model, folder)
    notes: list[str] = []
    for precision in openvino.precisions():
        engine = compiled(network, precision, plain)
        engine.run(sample.images[:2])  # compiles what was left
        features, measured = through(engine, sample.images)
        engine = replace(engine, plain=speed, speed=measured)
        slow = engine.speed < policy.faster * plain.speed
        fault = "no faster" if slow else difference(features, sample, expected_features, policy.alike)
        if not fault:
            return replace(engine, refused="; ".join(notes))
        notes.append(f"not by {engine.name}: {fault}")
    return replace(plain, refused="; ".join(notes))


def difference(found: Floats, sample: Sample, expected: Floats, alike: float = POLICY.alike) -> str:
    """Describe how an engine's features `found` (n, ...) of the sample differ from those of Keras, `expected` (n, ...).

    It is empty where they are alike: where their mean cosine is at least `alike`, of the last features and of the
    others each by itself, and a head that learns from the engine's features is not significantly worse, by McNemar's
    test, than one that learns from those of Keras.
    """
    ends = [sample.last] if sample.last else []
    pieces = zip(*(np.split(one.reshape(len(one), -1), ends, 1) for one in (found, expected)), strict=True)
    cosine = min(float(cosines(*piece).mean()) for piece in pieces if piece[0].size)
    if not cosine >= alike:
        return f"cosine {cosine:.4f} to what Keras says"
    labels = sample.labels
    learnt, judged = np.array_split(np.random.default_rng(0).permutation(len(labels)), 2)
    settings = replace(HEAD, classes=int(labels.max()) + 1)
    # Both heads are judged on features by Keras: the delivered network runs by Keras, too.
    theirs, ours = (
        linear.refit(FeatureRows(features[learnt], labels[learnt]), settings, settings.epochs)
        .probabilities(expected[judged])
        .argmax(1)
        == labels[judged]
        for features in (expected, found)
    )
    if theirs.sum() > ours.sum() and statistics.mcnemar(theirs, ours) <= CHANCE:
        return f"a head on its features is right on {ours.mean():.0%}, one on those of Keras on {theirs.mean():.0%}"
    return ""


def cosines(one: Floats, other: Floats) -> NDArray[np.float64]:
    """Return the cosines (m,) between the rows of two arrays (m, ...)."""
    flat = [values.reshape(len(values), -1).astype(np.float64) for values in (one, other)]
    lengths = np.linalg.norm(flat[0], axis=1) * np.linalg.norm(flat[1], axis=1)
    return np.asarray(np.sum(flat[0] * flat[1], axis=1) / np.maximum(lengths, 1e-30), np.float64)


def by_keras_timed(plain: Engine, images: NDArray[Any]) -> tuple[Floats, float]:
    """Return Keras' features of all images, and images a second without the first batch, which traces the graph.

    Each batch counts as a full one: it is padded, and takes as long.
    """
    batches = [images[at : at + BATCH] for at in range(0, len(images), BATCH)]
    found = [plain.run(batches[0])]
    started, timed = time.monotonic(), batches[1:] or batches
    again = [plain.run(batch) for batch in timed]
    speed = BATCH * len(timed) / max(time.monotonic() - started, 1e-6)
    return np.concatenate(found + again[: len(batches) - 1]), speed


def through(engine: Engine, images: NDArray[Any]) -> tuple[Floats, float]:
    """Return the engine's features (n, ...) of all images (n, s, s, 3), and images a second."""
    started = time.monotonic()
    found = np.concatenate([engine.run(images[at : at + engine.batch]) for at in range(0, len(images), engine.batch)])
    return found, len(images) / max(time.monotonic() - started, 1e-6)
