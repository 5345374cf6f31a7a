"""Linear heads on a network's features: softmax regression, with several L2 strengths trained together.

All heads take one matrix product a step: features times the kernels of all strengths side by side. It is plain NumPy:
the gradient is two lines, no graph is traced, and it runs alike under every Keras backend. Few examples are trained on
at once (`descent`), many in batches (`minibatches`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vm_worker.learn import imbalance, statistics
from vm_worker.learn.arrays import Floats, Halves, Rows
from vm_worker.learn.heads.descent import Descent
from vm_worker.learn.heads.minibatches import Minibatches
from vm_worker.learn.heads.schedule import Schedule

# L2 strengths: weight of half the squared kernel against the mean cross-entropy, on standardised features. Spans
# scikit-learn's C from 3e-4 to 1 at 1,000 images (strength = 1 / (C n)).
STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)
AT_ONCE = 2048  # examples at most that heads are trained on as a whole
BLOCK = 1024  # examples standardised at a time: a second copy of 20,000 examples would take 100 MB and more

# The matrices are small: a second thread of the BLAS gains nothing, and waits for the first one in a busy loop.
# Measured on a loaded machine without this limit: 14 s of processor time for 0.75 s of work.
ONE_THREAD = {"limits": 1, "user_api": "blas"}


@dataclass(frozen=True)
class Head:
    """A linear classifier with its standardisation: probabilities = softmax(((x - mean) / scale) @ kernel + bias).

    It may use only some of a network's features: x are these `columns`.
    """

    mean: Floats  # (d,)
    scale: Floats  # (d,)
    kernel: Floats  # (d, k)
    bias: Floats  # (k,)
    strength: float = 0.0  # the L2 strength that it was trained with
    epochs: int = 0  # that it was trained for
    weighed: bool = False  # whether photos of small classes counted more in its training
    columns: Rows | None = None  # (d,) of the features of all depths, ascending; None: the last features

    def logits(self, features: Floats | Halves) -> Floats:
        """Return the logits (m, k) of features (m, ...), of which it takes its columns."""
        kernel, bias = self.folded()
        used = features[:, : len(kernel)] if self.columns is None else features[:, self.columns]
        return np.asarray(used.astype(np.float32) @ kernel + bias, np.float32)

    def probabilities(self, features: Floats | Halves) -> Floats:
        """Return the probabilities (m, k) of features (m, ...), of which it takes its columns."""
        return softmax(self.logits(features))

    def folded(self) -> tuple[Floats, Floats]:
        """Return the kernel (d, k) and bias (k,) that give the same logits from features that are not standardised."""
        kernel: Floats = self.kernel / self.scale[:, None]
        bias: Floats = self.bias - self.mean @ kernel
        return kernel, bias

    def save(self, path: Path) -> None:
        """Write the head to an .npz file."""
        np.savez(path, **{name: value for name, value in asdict(self).items() if value is not None})

    @classmethod
    def load(cls, path: Path) -> Head:
        """Read a head that `save` wrote."""
        with np.load(path) as data:
            arrays = (data["mean"], data["scale"], data["kernel"], data["bias"])
            columns = data["columns"] if "columns" in data else None
            return cls(*arrays, float(data["strength"]), int(data["epochs"]), bool(data["weighed"]), columns)


@dataclass(frozen=True)
class FeatureRows:
    """Rows of features with their labels."""

    features: Floats  # (n, d)
    labels: Rows  # (n,)
    start: Floats | None = None  # (n, k): logits of an earlier head, to which those of the trained one are added


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
    gain: float = 1.0  # factor on every standardised feature
    at_once: int = AT_ONCE  # with more examples, heads are trained in batches


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
        mean, scale = standardisation(examples.features, settings.block)
        self._mean, self._scale = mean, scale / np.float32(settings.gain)
        self._y, self._start = examples.labels, examples.start
        x, few = self._standardised(examples.features), len(self._y) <= settings.at_once
        self._trained: Descent | Minibatches = (Descent if few else Minibatches)(
            x, self._y, _schedule(settings), _side_by_side(self._start, len(settings.strengths))
        )

    def epoch(self) -> None:
        """Train for one pass over the examples in batches, or for some steps on few examples at once."""
        self._trained.epoch()

    def prepared(self, features: Floats) -> Floats:
        """Return features (m, d) in the form in which `logits` takes them, after every epoch anew."""
        return self._trained.turned(self._standardised(features))

    def logits(self, prepared: Floats | None = None, start: Floats | None = None) -> Floats:
        """Return the logits of every strength, (m, strengths, k), for what `prepared` gave or the training examples.

        `start` are the logits (m, k) of the earlier head for what `prepared` gave, where there is such a head.
        """
        found = self._trained.logits(prepared)
        apart = found.reshape(len(found), -1, self._settings.classes)
        before = self._start if prepared is None else start
        return apart if before is None else apart + before[:, None]

    def head(self, strength: int) -> Head:
        """Return the head of the strength with this number, as it is now."""
        columns = slice(strength * self._settings.classes, (strength + 1) * self._settings.classes)
        whole, settings = self._trained.whole()[:, columns], self._settings
        kernel, bias = whole[:-1].copy(), whole[-1].copy()
        return Head(self._mean, self._scale, kernel, bias, settings.strengths[strength], weighed=settings.weighed)

    def _standardised(self, features: Floats) -> Floats:
        x = np.empty(features.shape, np.float32)
        for rows in _blocks(len(x), self._settings.block):
            x[rows] = (features[rows] - self._mean) / self._scale
        return x


def _side_by_side(start: Floats | None, strengths: int) -> Floats | None:
    """Repeat the earlier head's logits (n, k) for every strength: (n, strengths * k)."""
    return None if start is None else np.tile(start, (1, strengths))


def _schedule(settings: HeadSettings) -> Schedule:
    return Schedule(settings.classes, settings.strengths, settings.weighed, settings.epochs, settings.seed)


def refit(examples: FeatureRows, settings: HeadSettings, epochs: int) -> Head:
    """Train a head at the only strength of the settings, and stop after so many epochs of their schedule."""
    with threadpool_limits(**ONE_THREAD):
        bank = Bank(examples, settings)
        for _ in range(epochs):
            bank.epoch()
    return replace(bank.head(0), epochs=epochs)


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
