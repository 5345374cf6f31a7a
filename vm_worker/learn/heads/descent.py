"""Descend to the heads of several L2 strengths at once: softmax regression on all rows, turned to their main axes.

With fewer rows than columns, every head lies in the span of the rows. So the rows are replaced by their coordinates on
the eigenvectors of their inner products, which changes no answer: ten thousand columns cost as much as a thousand.
On these axes Böhning's bound on the curvature (1992, "Multinomial logistic regression algorithm") is diagonal, and a
step divides by it. Steps have momentum, which starts anew where it leads uphill (O'Donoghue and Candès 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.schedule import Schedule

FLAT = 1e-6  # of the largest eigenvalue: an axis with less has no extent
CURVATURE = 0.5  # Böhning's bound
STEPS, LATER = 2, 1  # of an epoch of the first half of a training, and of one of the second half


class Descent:
    """Heads of several strengths on the same rows, trained together by whole steps."""

    def __init__(
        self, x: Floats, extents: Floats, labels: Rows, schedule: Schedule, start: Floats | None = None
    ) -> None:
        """`x` (n, r) are rows on their main axes, and `extents` (r,) those of these axes, as `turned` returns them.

        `start` (n, strengths * k) are logits of an earlier head, to which the trained ones are added.
        """
        classes, strengths, weighed = schedule.classes, schedule.strengths, schedule.weighed
        self._x, self._classes = x, classes
        self._start = np.float32(0.0) if start is None else start
        self._share = (imbalance.weights(labels, weighed) / len(labels))[:, None]
        self._truth = np.tile(np.eye(classes, dtype=np.float32)[labels], (1, len(strengths)))
        self._decay = np.repeat(np.asarray(strengths, np.float32), classes)
        self._bound = CURVATURE * extents[:, None] / len(labels) + self._decay
        # With counts the axes and the bias are not independent: then half the step is surely none too long.
        self._stride = np.float32(0.5 if weighed else 1.0)
        self._kernel = np.zeros((len(extents) + 1, len(self._decay)), np.float32)  # the last row is the bias
        self._ahead = self._kernel.copy()
        self._momentum = np.ones(len(strengths))
        self._early = schedule.epochs // 2  # epochs of the first half that are left

    @property
    def kernel(self) -> Floats:
        """The kernels (r + 1, strengths * k) of every strength side by side, the last row the bias."""
        return self._kernel

    def epoch(self) -> None:
        """Take some steps: 40 epochs of them come near enough to the lowest point."""
        for _ in range(STEPS if self._early > 0 else LATER):
            self._step()
        self._early -= 1

    def _step(self) -> None:
        """Take one step with the heads of every strength."""
        logits = self._x @ self._ahead[:-1] + self._ahead[-1] + self._start
        error = (_softmax(logits, self._classes) - self._truth) * self._share
        kernel = self._ahead.copy()
        slopes = self._x.T @ error + self._decay * self._ahead[:-1]
        kernel[:-1] -= self._stride * slopes / self._bound
        kernel[-1] -= self._stride * error.sum(0) / CURVATURE
        change = kernel - self._kernel
        uphill = ((self._ahead - kernel) * change).reshape(len(kernel), -1, self._classes).sum((0, 2)) > 0
        before = np.where(uphill, 1.0, self._momentum)
        self._momentum = (1 + np.sqrt(1 + 4 * before**2)) / 2
        further = np.repeat((before - 1) / self._momentum, self._classes).astype(np.float32)
        self._ahead, self._kernel = kernel + further * change, kernel


@dataclass(frozen=True)
class Axes:
    """The main axes of rows: sums of few rows, which are never written out, or the axes themselves."""

    rows: Floats | None  # (n, m) that are summed; None: `shares` are the axes
    shares: Floats  # (n, r) of each row in each axis, or the axes (m, r)
    extents: Floats  # (r,) squared

    def coordinates(self, x: Floats) -> Floats:
        """Return rows (j, m) on the axes, (j, r)."""
        products: Floats = x if self.rows is None else x @ self.rows.T
        return np.asarray(products @ self.shares, np.float32)

    def whole(self, kernel: Floats) -> Floats:
        """Return a kernel (r, k) of coordinates as one of rows, (m, k)."""
        sums: Floats = self.shares @ kernel
        return sums if self.rows is None else np.asarray(self.rows.T @ sums, np.float32)


def turned(x: Floats, counts: Floats) -> tuple[Axes, Floats]:
    """Return the main axes of rows (n, m), and the rows on them, (n, r).

    `counts` (n,) are what each row counts.
    """
    roots = np.sqrt(counts)[:, None]
    weighed = np.asarray(x * roots, np.float32)
    if len(x) <= x.shape[1]:
        squares, vectors = _eigen(weighed @ weighed.T)
        lengths: Floats = np.sqrt(squares)
        return Axes(weighed, vectors / lengths, squares), np.asarray(vectors * lengths / roots, np.float32)
    squares, axes = _eigen(weighed.T @ weighed)
    return Axes(None, axes, squares), x @ axes


def _eigen(products: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues and eigenvectors of a symmetric matrix, without those that have no extent."""
    # SciPy's is twice as fast as NumPy's here.
    values, vectors = eigh(products, driver="evd", overwrite_a=True, check_finite=False)
    kept = values > FLAT * max(float(values[-1]), 1e-12)
    return np.asarray(values[kept], np.float32), np.asarray(vectors[:, kept], np.float32)


def _softmax(logits: Floats, classes: int) -> Floats:
    apart = logits.reshape(len(logits), -1, classes)
    most = apart[..., 0].copy()  # class by class: far faster than NumPy's maximum along a short last axis
    for one in range(1, classes):
        np.maximum(most, apart[..., one], out=most)
    exponents = np.exp(apart - most[..., None])
    exponents /= np.einsum("ijk->ij", exponents)[..., None]
    return np.asarray(exponents.reshape(logits.shape), np.float32)
