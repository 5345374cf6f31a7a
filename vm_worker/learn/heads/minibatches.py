"""Train heads of several L2 strengths at once in batches, by Adam: for many examples."""

from __future__ import annotations

import numpy as np

from vm_worker.learn import imbalance
from vm_worker.learn.arrays import Floats, Rows
from vm_worker.learn.heads.schedule import Schedule

STEPS_PER_EPOCH = 24  # at least, even with few images: heads must converge within the epochs
BATCH_MAX = 256
RATE = 0.01  # Adam's learning rate, falling to 0 by a cosine
ADAM = (0.9, 0.99, 1e-8)  # beta 1, beta 2, epsilon


def batch_of(examples: int) -> int:
    """Return the batch size for so many examples."""
    return int(np.clip(examples // STEPS_PER_EPOCH, 4, BATCH_MAX))


class Minibatches:
    """Heads of several strengths on the same standardised rows (n, d), trained together."""

    def __init__(self, x: Floats, labels: Rows, schedule: Schedule, start: Floats | None = None) -> None:
        """`start` (n, strengths * k) are logits of an earlier head, to which the trained ones are added."""
        self._start = start
        self._x, self._y, self._schedule = x, labels, schedule
        self._counts = imbalance.weights(labels) if schedule.weighed else None
        columns = len(schedule.strengths) * schedule.classes
        self._weights = np.zeros((x.shape[1] + 1, columns), np.float32)  # the last row is the bias
        self._moments = (np.zeros_like(self._weights), np.zeros_like(self._weights))
        self._decay = np.repeat(np.asarray(schedule.strengths, np.float32), schedule.classes)
        self._batch = batch_of(len(labels))
        self._order = np.random.default_rng(schedule.seed)
        self._step = 0

    def epoch(self) -> None:
        """Train for one pass over the examples, in a fresh order."""
        order = self._order.permutation(len(self._y))
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            self._descend(rows)

    @property
    def kernel(self) -> Floats:
        """The kernels of every strength side by side: (d + 1, strengths * k), the last row the bias."""
        return self._weights

    def _logits(self, x: Floats) -> Floats:
        found: Floats = x @ self._weights[:-1] + self._weights[-1]
        return found

    def _descend(self, rows: Rows) -> None:
        x, y = self._x[rows], self._y[rows]
        found = self._logits(x) if self._start is None else self._logits(x) + self._start[rows]
        logits = found.reshape(len(x), -1, self._schedule.classes)
        error = np.exp(logits - logits.max(-1, keepdims=True))
        error /= error.sum(-1, keepdims=True)
        error[np.arange(len(y)), :, y] -= 1
        if self._counts is not None:
            error *= self._counts[rows][:, None, None]
        flat = error.reshape(len(y), -1) / np.float32(len(y))
        self._adam(np.vstack([x.T @ flat + self._decay * self._weights[:-1], flat.sum(0)]))

    def _adam(self, gradient: Floats) -> None:
        first, second = self._moments
        slow, fast, tiny = ADAM
        total = self._schedule.epochs * -(-len(self._y) // self._batch)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * self._step / total))
        self._step += 1
        first += (1 - slow) * (gradient - first)
        second += (1 - fast) * (gradient * gradient - second)
        rate *= np.sqrt(1 - fast**self._step) / (1 - slow**self._step)
        self._weights -= np.float32(rate) * first / (np.sqrt(second) + np.float32(tiny))
