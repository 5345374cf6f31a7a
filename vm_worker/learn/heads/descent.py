"""Descend to the heads of several L2 strengths at once: softmax regression on all rows, turned to their main axes.

With fewer rows than columns, every head lies in the span of the rows. So the rows are replaced by their coordinates on
the eigenvectors of their inner products, which changes no answer: ten thousand columns cost as much as a thousand.
On these axes Böhning's bound on the curvature (1992, "Multinomial logistic regression algorithm") is diagonal, and a
step divides by it. Steps have momentum, which starts anew where it leads uphill (O'Donoghue and Candès 2015).
"""

from __future__ import annotations

import numpy as np

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.schedule import Schedule

FLAT = 1e-6  # of the largest eigenvalue: an axis with less has no extent
CURVATURE = 0.5  # Böhning's bound
STEPS = 2  # of an epoch


class Descent:
    """Heads of several strengths on the same rows (n, m), trained together by whole steps."""

    def __init__(self, x: Floats, labels: Rows, schedule: Schedule, start: Floats | None = None) -> None:
        """`start` (n, strengths * k) are logits of an earlier head, to which the trained ones are added."""
        classes, strengths, weighed = schedule.classes, schedule.strengths, schedule.weighed
        counts = imbalance.weights(labels, weighed)
        axes, extents, turned = _axes(x, np.sqrt(counts)[:, None])
        self._axes, self._x, self._classes = axes, turned, classes
        self._start = np.float32(0.0) if start is None else start
        self._share = (counts / len(labels))[:, None]
        self._truth = np.tile(np.eye(classes, dtype=np.float32)[labels], (1, len(strengths)))
        self._decay = np.repeat(np.asarray(strengths, np.float32), classes)
        self._bound = CURVATURE * extents[:, None] / len(labels) + self._decay
        # With counts the axes and the bias are not independent: then half the step is surely none too long.
        self._stride = np.float32(0.5 if weighed else 1.0)
        self._kernel = np.zeros((len(extents) + 1, len(self._decay)), np.float32)  # the last row is the bias
        self._ahead = self._kernel.copy()
        self._momentum = np.ones(len(strengths))

    def epoch(self) -> None:
        """Take some steps: 40 epochs of them come near enough to the lowest point."""
        for _ in range(STEPS):
            self._step()

    def _step(self) -> None:
        """Take one step with the heads of every strength."""
        error = (_softmax(self._logits(self._x, self._ahead) + self._start, self._classes) - self._truth) * self._share
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

    def turned(self, x: Floats) -> Floats:
        """Return rows (m, columns) on the main axes, as `logits` takes them."""
        found: Floats = x @ self._axes
        return found

    def logits(self, turned: Floats | None = None) -> Floats:
        """Return the logits (m, strengths * k) of turned rows, or of the rows that it learns from."""
        return self._logits(self._x if turned is None else turned, self._kernel)

    def whole(self) -> Floats:
        """Return the kernels of every strength side by side, for rows as they were given: (m + 1, strengths * k)."""
        return np.vstack([self._axes @ self._kernel[:-1], self._kernel[-1:]])

    def _logits(self, x: Floats, kernel: Floats) -> Floats:
        found: Floats = x @ kernel[:-1] + kernel[-1]
        return found


def _axes(x: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the main axes (m, r) of rows (n, m), their extents (r,) squared, and the rows on them (n, r).

    `counts` (n, 1) are the square roots of what each row counts.
    """
    weighed = x * counts
    if len(x) <= x.shape[1]:
        squares, vectors = _eigen(weighed @ weighed.T)
        axes = np.asarray(weighed.T @ (vectors / np.sqrt(squares)), np.float32)
    else:
        squares, axes = _eigen(weighed.T @ weighed)
    return axes, squares, x @ axes


def _eigen(products: Floats) -> tuple[Floats, Floats]:
    """Return eigenvalues and eigenvectors of a symmetric matrix, without those that have no extent."""
    values, vectors = np.linalg.eigh(products)
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
