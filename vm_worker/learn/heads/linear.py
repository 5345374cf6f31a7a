"""Linear heads on a network's features: softmax regression, with several L2 strengths trained together.

All heads take one matrix product a step: a batch of features times the kernels of all strengths side by side. It is
plain NumPy: the gradient is two lines, no graph is traced, and it runs alike under every Keras backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Floats, Rows

# L2 strengths: weight of half the squared kernel against the mean cross-entropy, on standardised features. Spans
# scikit-learn's C from 3e-4 to 1 at 1,000 images (strength = 1 / (C n)).
STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)
STEPS_PER_EPOCH = 24  # at least, even with few images: heads must converge within the epochs
BATCH_MAX = 256
RATE = 0.01  # Adam's learning rate, falling to 0 by a cosine
ADAM = (0.9, 0.99, 1e-8)  # beta 1, beta 2, epsilon
BLOCK = 1024  # examples standardised at a time: a second copy of 20,000 examples would take 100 MB and more

# The matrices are small: a second thread of the BLAS gains nothing, and waits for the first one in a busy loop.
# Measured on a loaded machine without this limit: 14 s of processor time for 0.75 s of work.
ONE_THREAD = {"limits": 1, "user_api": "blas"}


@dataclass(frozen=True)
class Head:
    """A linear classifier with its standardisation: probabilities = softmax(((x - mean) / scale) @ kernel + bias)."""

    mean: Floats  # (d,)
    scale: Floats  # (d,)
    kernel: Floats  # (d, k)
    bias: Floats  # (k,)
    strength: float = 0.0  # the L2 strength that it was trained with
    epochs: int = 0  # that it was trained for
    weighed: bool = False  # whether photos of small classes counted more in its training

    def probabilities(self, features: Floats) -> Floats:
        """Return the probabilities (m, k) of features (m, d)."""
        kernel, bias = self.folded()
        return softmax(features @ kernel + bias)

    def folded(self) -> tuple[Floats, Floats]:
        """Return the kernel (d, k) and bias (k,) that give the same logits from features that are not standardised."""
        kernel: Floats = self.kernel / self.scale[:, None]
        bias: Floats = self.bias - self.mean @ kernel
        return kernel, bias

    def save(self, path: Path) -> None:
        """Write the head to an .npz file."""
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> Head:
        """Read a head that `save` wrote."""
        with np.load(path) as data:
            arrays = (data["mean"], data["scale"], data["kernel"], data["bias"])
            return cls(*arrays, float(data["strength"]), int(data["epochs"]), bool(data["weighed"]))


@dataclass(frozen=True)
class FeatureRows:
    """Rows of features with their labels."""

    features: Floats  # (n, d)
    labels: Rows  # (n,)


@dataclass(frozen=True)
class HeadSettings:
    """The settings of a training of heads."""

    classes: int
    epochs: int
    seed: int
    strengths: tuple[float, ...] = STRENGTHS
    block: int = BLOCK  # examples standardised at a time
    balanced: bool = False  # whether every class counts alike in the losses, which choose strength and epoch
    weighed: bool = False  # whether every class counts alike in the training, too


@dataclass(frozen=True)
class Scores:
    """The accuracy and cross-entropy of each strength: (strengths,). Classes count alike in the latter if balanced."""

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """The scores of each strength after each epoch: (epochs, strengths)."""

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    validation_accuracy: NDArray[np.float64]
    validation_loss: NDArray[np.float64]

    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """Return accuracy, loss, validation accuracy and validation loss."""
        return self.accuracy, self.loss, self.validation_accuracy, self.validation_loss


class Bank:
    """Heads of several L2 strengths, trained together on the same examples, epoch by epoch."""

    def __init__(self, examples: FeatureRows, settings: HeadSettings) -> None:
        self._settings = settings
        self._mean, self._scale = standardisation(examples.features, settings.block)
        self._x = self._standardised(examples.features)
        self._y = examples.labels
        self._counts = imbalance.weights(self._y) if settings.weighed else None
        columns = len(settings.strengths) * settings.classes
        self._weights = np.zeros((self._x.shape[1], columns), np.float32)  # the last row is the bias
        self._moments = (np.zeros_like(self._weights), np.zeros_like(self._weights))
        self._decay = np.repeat(np.asarray(settings.strengths, np.float32), settings.classes)
        self._batch = batch_of(len(self._y))
        self._order = np.random.default_rng(settings.seed)
        self._step = 0

    def epoch(self) -> None:
        """Train for one pass over the examples, in a fresh order."""
        order = self._order.permutation(len(self._y))
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            self._descend(self._x[rows], self._y[rows], None if self._counts is None else self._counts[rows])

    def probabilities(self, features: Floats) -> Floats:
        """Return the probabilities of every strength for features (m, d): (m, strengths, k)."""
        return self._softmax(self._standardised(features))

    def scores(self) -> Scores:
        """Return the scores on the training examples."""
        return score(self._softmax(self._x), self._y, self._settings.balanced)

    def head(self, strength: int) -> Head:
        """Return the head of the strength with this number, as it is now."""
        columns = slice(strength * self._settings.classes, (strength + 1) * self._settings.classes)
        kernel, bias = self._weights[:-1, columns].copy(), self._weights[-1, columns].copy()
        settings = self._settings
        return Head(self._mean, self._scale, kernel, bias, settings.strengths[strength], weighed=settings.weighed)

    def _standardised(self, features: Floats) -> Floats:
        x = np.ones((len(features), features.shape[1] + 1), np.float32)
        for rows in _blocks(len(x), self._settings.block):
            x[rows, :-1] = (features[rows] - self._mean) / self._scale
        return x

    def _softmax(self, x: Floats) -> Floats:
        return softmax((x @ self._weights).reshape(len(x), -1, self._settings.classes))

    def _descend(self, x: Floats, y: Rows, counts: Floats | None) -> None:
        error = self._softmax(x)
        error[np.arange(len(y)), :, y] -= 1
        if counts is not None:
            error *= counts[:, None, None]
        gradient = x.T @ (error.reshape(len(y), -1) / np.float32(len(y)))
        gradient[:-1] += self._decay * self._weights[:-1]
        self._adam(gradient)

    def _adam(self, gradient: Floats) -> None:
        first, second = self._moments
        slow, fast, tiny = ADAM
        total = self._settings.epochs * -(-len(self._y) // self._batch)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * self._step / total))
        self._step += 1
        first += (1 - slow) * (gradient - first)
        second += (1 - fast) * (gradient * gradient - second)
        rate *= np.sqrt(1 - fast**self._step) / (1 - slow**self._step)
        self._weights -= np.float32(rate) * first / (np.sqrt(second) + np.float32(tiny))


def train(
    train: FeatureRows, validation: FeatureRows, settings: HeadSettings, watch: Callable[[Floats], None]
) -> History:
    """Train all epochs; after each, `watch` gets the validation probabilities (m, strengths, k)."""
    rows = []
    with threadpool_limits(**ONE_THREAD):
        bank = Bank(train, settings)
        for _ in range(settings.epochs):
            bank.epoch()
            probabilities = bank.probabilities(validation.features)
            watch(probabilities)
            seen, unseen = bank.scores(), score(probabilities, validation.labels, settings.balanced)
            rows.append((seen.accuracy, seen.loss, unseen.accuracy, unseen.loss))
    return History(*np.stack(rows, axis=1))


def refit(examples: FeatureRows, settings: HeadSettings, epochs: int) -> Head:
    """Train a head at the only strength of the settings, and stop after so many epochs of their schedule."""
    with threadpool_limits(**ONE_THREAD):
        bank = Bank(examples, settings)
        for _ in range(epochs):
            bank.epoch()
    return replace(bank.head(0), epochs=epochs)


def batch_of(examples: int) -> int:
    """Return the batch size for so many examples."""
    return int(np.clip(examples // STEPS_PER_EPOCH, 4, BATCH_MAX))


def standardisation(features: Floats, block: int = BLOCK) -> tuple[Floats, Floats]:
    """Return mean and scale (d,) of features (n, d); a feature that never changes gets the scale 1."""
    mean = features.mean(0, dtype=np.float64)
    squares = sum(np.square(features[rows] - mean).sum(0) for rows in _blocks(len(features), block))
    scale = np.sqrt(squares / len(features))
    return mean.astype(np.float32), np.where(scale > 1e-6, scale, 1.0).astype(np.float32)


def _blocks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def softmax(logits: NDArray[np.floating[Any]]) -> Floats:
    """Return the softmax of logits (..., k) along the last axis."""
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(-1, keepdims=True), np.float32)


def score(probabilities: Floats, labels: Rows, balanced: bool = False) -> Scores:
    """Return the scores of probabilities (m, strengths, k) for labels (m,)."""
    right = probabilities.argmax(-1) == labels[:, None]
    losses = statistics.cross_entropy(probabilities, labels)
    if balanced:
        return Scores(right.mean(0), np.average(losses, axis=0, weights=imbalance.weights(labels)))
    return Scores(right.mean(0), losses.mean(0))
