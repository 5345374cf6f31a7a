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
from vm_worker.learn.heads import descent
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


@dataclass(frozen=True)
class Prepared:
    """Rows in the form in which heads are trained on them, or judged."""

    x: Floats  # (n, r)
    labels: Rows  # (n,)
    start: Floats | None  # (n, k)
    extents: Floats | None = None  # (r,) squared, of the main axes on which x are coordinates; None: x are features


class Space:
    """The form in which heads learn from examples: standardised, and on their main axes where they are few."""

    def __init__(self, examples: FeatureRows, settings: HeadSettings) -> None:
        self._settings = settings
        mean, scale = standardisation(examples.features, settings.block)
        self._mean, self._scale = mean, scale / np.float32(settings.gain)
        x, self._axes = self._standardised(examples.features), None
        extents = None
        if len(x) <= settings.at_once:
            self._axes, x = descent.turned(x, imbalance.weights(examples.labels, settings.weighed))
            extents = self._axes.extents
        self.learnt = Prepared(x, examples.labels, examples.start, extents)

    def prepared(self, rows: FeatureRows) -> Prepared:
        """Return other rows in the same form."""
        x = self._standardised(rows.features)
        return Prepared(x if self._axes is None else self._axes.coordinates(x), rows.labels, rows.start)

    def head(self, bank: Bank, strength: int) -> Head:
        """Return the bank's head of the strength with this number, as it is now."""
        kernel, bias = bank.kernel(strength)
        whole = kernel.copy() if self._axes is None else self._axes.whole(kernel)
        settings = self._settings
        return Head(self._mean, self._scale, whole, bias, settings.strengths[strength], weighed=settings.weighed)

    def _standardised(self, features: Floats) -> Floats:
        x, factor = np.empty(features.shape, np.float32), 1 / self._scale
        for rows in _blocks(len(x), self._settings.block):
            np.subtract(features[rows], self._mean, out=x[rows])
            x[rows] *= factor
        return x


class Bank:
    """Heads of several L2 strengths, trained together on the same examples, epoch by epoch."""

    def __init__(self, rows: Prepared, settings: HeadSettings) -> None:
        self._rows, self._classes = rows, settings.classes
        schedule, start = _schedule(settings), _side_by_side(rows.start, len(settings.strengths))
        self._trained: Descent | Minibatches
        if rows.extents is None:
            self._trained = Minibatches(rows.x, rows.labels, schedule, start)
        else:
            self._trained = Descent(rows.x, rows.extents, rows.labels, schedule, start)

    def epoch(self) -> None:
        """Train for one pass over the examples in batches, or for some steps on few examples at once."""
        self._trained.epoch()

    def logits(self, rows: Prepared | None = None) -> Floats:
        """Return the logits of every strength, (n, strengths, k), for rows of the same form or the training rows."""
        rows = rows or self._rows
        found: Floats = rows.x @ self._trained.kernel[:-1] + self._trained.kernel[-1]
        apart = found.reshape(len(found), -1, self._classes)
        return apart if rows.start is None else apart + rows.start[:, None]

    def kernel(self, strength: int) -> tuple[Floats, Floats]:
        """Return kernel (r, k) and bias (k,) of the strength with this number."""
        own = self._trained.kernel[:, strength * self._classes : (strength + 1) * self._classes]
        return own[:-1], own[-1].copy()


def _side_by_side(start: Floats | None, strengths: int) -> Floats | None:
    """Repeat the earlier head's logits (n, k) for every strength: (n, strengths * k)."""
    return None if start is None else np.tile(start, (1, strengths))


def _schedule(settings: HeadSettings) -> Schedule:
    return Schedule(settings.classes, settings.strengths, settings.weighed, settings.epochs, settings.seed)


def refit(examples: FeatureRows, settings: HeadSettings, epochs: int) -> Head:
    """Train a head at the only strength of the settings, and stop after so many epochs of their schedule."""
    with threadpool_limits(**ONE_THREAD):
        space = Space(examples, settings)
        bank = Bank(space.learnt, settings)
        for _ in range(epochs):
            bank.epoch()
        return replace(space.head(bank, 0), epochs=epochs)


def standardisation(features: Floats, block: int = BLOCK) -> tuple[Floats, Floats]:
    """Return mean and scale (d,) of features (n, d); a feature that never changes gets the scale 1.

    What rounding leaves of the mean is taken from what is left of each row: so it is exact where nothing changes.
    """
    sums, rests, squares = np.zeros((3, features.shape[1]))
    for rows in _blocks(len(features), block):
        sums += _sums(features[rows])
    near = (sums / len(features)).astype(np.float32)
    for rows in _blocks(len(features), block):
        apart = features[rows] - near
        rests += _sums(apart)
        squares += np.einsum("ij,ij->j", apart, apart)
    rests /= len(features)
    scale = np.sqrt(np.maximum(squares / len(features) - rests**2, 0.0))
    return (near + rests).astype(np.float32), np.where(scale > 1e-6, scale, 1.0).astype(np.float32)


def _sums(x: Floats) -> Floats:
    """Return the sums (d,) of rows (n, d), added in float32: far faster than in float64."""
    found: Floats = np.ones(len(x), np.float32) @ x
    return found


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
