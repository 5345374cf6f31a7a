"""Linear heads on cached features: softmax regression, several L2 strengths trained together.

The whole bank of heads is one matrix product a step: the same batch of features times the kernels of
all strengths side by side. Plain NumPy: the gradient is two lines, nothing is traced, and it runs the
same under every Keras backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vm_worker.learn import statistics

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# L2 strengths: weight of half the squared kernel against the mean cross-entropy, on standardised features. Spans
# scikit-learn's C from 3e-4 to 1 at 1,000 images (strength = 1 / (C n)).
STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)
STEPS_PER_EPOCH = 24  # at least so many, also of few images: heads must converge within the epochs
BATCH_MAX = 256
RATE = 0.01  # Adam's, falling to 0 by a cosine
ADAM = (0.9, 0.99, 1e-8)
BLOCK = 1024  # examples that are standardised at a time: of 20,000 a second copy of all would be 100 MB and more

# The matrices are small: a second thread of the BLAS gains nothing, and waits for the first one in a busy loop
# (measured on a loaded machine: 14 s of processor time for 0.75 s of work).
ONE_THREAD = {"limits": 1, "user_api": "blas"}


@dataclass(frozen=True)
class Head:
    """Standardisation, kernel and bias: probabilities = softmax(((x - mean) / scale) @ kernel + bias)."""

    mean: Floats  # (d,)
    scale: Floats  # (d,)
    kernel: Floats  # (d, k)
    bias: Floats  # (k,)
    strength: float = 0.0  # the L2 strength that it was trained with
    epochs: int = 0  # for so many epochs

    def probabilities(self, features: Floats) -> Floats:
        """(m, d) -> (m, k)."""
        kernel, bias = self.folded()
        return softmax(features @ kernel + bias)

    def folded(self) -> tuple[Floats, Floats]:
        """Kernel and bias that do the same to raw features."""
        kernel: Floats = self.kernel / self.scale[:, None]
        bias: Floats = self.bias - self.mean @ kernel
        return kernel, bias

    def save(self, path: Path) -> None:
        """Write an .npz."""
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> Head:
        """What `save` wrote."""
        with np.load(path) as data:
            return cls(
                data["mean"], data["scale"], data["kernel"], data["bias"], float(data["strength"]), int(data["epochs"])
            )


@dataclass(frozen=True)
class FeatureRows:
    """Features with their labels."""

    features: Floats  # (n, d)
    labels: Ints  # (n,)


@dataclass(frozen=True)
class Plan:
    """How heads are trained."""

    classes: int
    epochs: int
    seed: int
    strengths: tuple[float, ...] = STRENGTHS


@dataclass(frozen=True)
class Scores:
    """Accuracy and cross-entropy of each strength: (strengths,)."""

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """What each strength reached after each epoch: (epochs, strengths)."""

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    validation_accuracy: NDArray[np.float64]
    validation_loss: NDArray[np.float64]

    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """Accuracy, loss, validation accuracy, validation loss."""
        return self.accuracy, self.loss, self.validation_accuracy, self.validation_loss


class Bank:
    """Heads of several strengths on the same examples, trained epoch by epoch."""

    def __init__(self, examples: FeatureRows, plan: Plan) -> None:
        self._plan = plan
        self._mean, self._scale = standardisation(examples.features)
        self._x = self._standardised(examples.features)
        self._y = examples.labels
        columns = len(plan.strengths) * plan.classes
        self._weights = np.zeros((self._x.shape[1], columns), np.float32)  # the last row is the bias
        self._moments = (np.zeros_like(self._weights), np.zeros_like(self._weights))
        self._decay = np.repeat(np.asarray(plan.strengths, np.float32), plan.classes)
        self._batch = batch_of(len(self._y))
        self._order = np.random.default_rng(plan.seed)
        self._step = 0

    def epoch(self) -> None:
        """One pass over the examples in a fresh order."""
        order = self._order.permutation(len(self._y))
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            self._descend(self._x[rows], self._y[rows])

    def probabilities(self, features: Floats) -> Floats:
        """Of every strength: (m, strengths, k)."""
        return self._softmax(self._standardised(features))

    def scores(self) -> Scores:
        """On the training examples."""
        return score(self._softmax(self._x), self._y)

    def head(self, strength: int) -> Head:
        """The head of the strength with this number, as it is now."""
        columns = slice(strength * self._plan.classes, (strength + 1) * self._plan.classes)
        kernel, bias = self._weights[:-1, columns].copy(), self._weights[-1, columns].copy()
        return Head(self._mean, self._scale, kernel, bias, self._plan.strengths[strength])

    def _standardised(self, features: Floats) -> Floats:
        x = np.ones((len(features), features.shape[1] + 1), np.float32)
        for rows in _blocks(len(x)):
            x[rows, :-1] = (features[rows] - self._mean) / self._scale
        return x

    def _softmax(self, x: Floats) -> Floats:
        return softmax((x @ self._weights).reshape(len(x), -1, self._plan.classes))

    def _descend(self, x: Floats, y: Ints) -> None:
        error = self._softmax(x)
        error[np.arange(len(y)), :, y] -= 1
        gradient = x.T @ (error.reshape(len(y), -1) / np.float32(len(y)))
        gradient[:-1] += self._decay * self._weights[:-1]
        self._adam(gradient)

    def _adam(self, gradient: Floats) -> None:
        first, second = self._moments
        slow, fast, tiny = ADAM
        total = self._plan.epochs * -(-len(self._y) // self._batch)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * self._step / total))
        self._step += 1
        first += (1 - slow) * (gradient - first)
        second += (1 - fast) * (gradient * gradient - second)
        rate *= np.sqrt(1 - fast**self._step) / (1 - slow**self._step)
        self._weights -= np.float32(rate) * first / (np.sqrt(second) + np.float32(tiny))


def train(train: FeatureRows, validation: FeatureRows, plan: Plan, watch: Callable[[Floats], None]) -> History:
    """All epochs, and what was reached after each; `watch` gets the validation probabilities (m, strengths, k)."""
    rows = []
    with threadpool_limits(**ONE_THREAD):
        bank = Bank(train, plan)
        for _ in range(plan.epochs):
            bank.epoch()
            said = bank.probabilities(validation.features)
            watch(said)
            seen, unseen = bank.scores(), score(said, validation.labels)
            rows.append((seen.accuracy, seen.loss, unseen.accuracy, unseen.loss))
    return History(*np.stack(rows, axis=1))


def refit(examples: FeatureRows, plan: Plan, epochs: int) -> Head:
    """The plan's only strength, stopped after so many epochs of the plan's schedule."""
    with threadpool_limits(**ONE_THREAD):
        bank = Bank(examples, plan)
        for _ in range(epochs):
            bank.epoch()
    return replace(bank.head(0), epochs=epochs)


def batch_of(examples: int) -> int:
    """How many of so many examples make a step of a head."""
    return int(np.clip(examples // STEPS_PER_EPOCH, 4, BATCH_MAX))


def standardisation(features: Floats) -> tuple[Floats, Floats]:
    """Mean and scale of each feature; features that never change keep their size."""
    mean = features.mean(0, dtype=np.float64)
    squares = sum(np.square(features[rows] - mean).sum(0) for rows in _blocks(len(features)))
    scale = np.sqrt(squares / len(features))
    return mean.astype(np.float32), np.where(scale > 1e-6, scale, 1.0).astype(np.float32)


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))


def softmax(logits: NDArray[np.floating[Any]]) -> Floats:
    """Along the last axis."""
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(-1, keepdims=True), np.float32)


def score(probabilities: Floats, labels: Ints) -> Scores:
    """Of (m, strengths, k) probabilities."""
    right = probabilities.argmax(-1) == labels[:, None]
    return Scores(right.mean(0), statistics.surprise(probabilities, labels).mean(0))
