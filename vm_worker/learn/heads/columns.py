"""Choose columns of the features of all depths: those that matter most to a ridge regression on the classes.

The score is the norm of a column's row of the kernel, as in Evci et al., "Head2Toe" (ICML 2022, section 3.2), who take
it from a group lasso. Ridge regression has a closed form: with fewer rows than columns, one system of n equations.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from vm_worker.intake.memory_maps import taken
from vm_worker.learn.arrays import Floats, Halves, Rows
from vm_worker.learn.heads.linear import ONE_THREAD

RIDGE = 0.1  # of the mean of the rows' squared lengths; 0.01 and 1 choose columns that are as good
ROWS = 600  # that columns are ranked by, at most: more rank hardly better
STILL = 1e-3  # a column with a smaller standard deviation is left out: rounding would decide about it
BLOCK = 2048  # columns at a time
# Columns for each row from which on every second one makes the rows' inner products, which take the most time. So many
# say the same as all: heads on 11 photo sets and two networks were right as often (docs/figures.md).
PLENTY = 8


def ranked(features: Floats | Halves, rows: Rows, labels: Rows) -> Rows:
    """Return the columns of features (n, d) that change at all in these rows (m,), the one that matters most first.

    `labels` (m,) are those of the rows.
    """
    with threadpool_limits(**ONE_THREAD):
        norms = _norms(features, rows, labels)
    order = np.argsort(-norms, kind="stable")
    return order[norms[order] > 0].astype(np.int64)


def best(order: Rows, count: int) -> Rows:
    """Return so many of ranked columns, the best ones, ascending."""
    return np.sort(order[:count])


def _norms(features: Floats | Halves, rows: Rows, labels: Rows) -> Floats:
    """Return the norm of each column's row of the kernel, 0 for columns that hardly change."""
    step = 2 if features.shape[1] >= PLENTY * len(rows) else 1
    blocks = [slice(at, at + BLOCK) for at in range(0, features.shape[1], BLOCK)]
    products, parts = np.zeros((len(labels), len(labels))), []  # float64: the system is solved in it
    for block in blocks:
        parts.append(_standardised(taken(features, (rows, block)).astype(np.float32, copy=False)))
        some = np.ascontiguousarray(parts[-1][:, ::step])
        products += some @ some.T
    products[np.diag_indices_from(products)] += RIDGE * max(float(np.trace(products)), 1e-12) / len(labels)
    truth = np.eye(int(labels.max()) + 1)[labels]
    dual = np.linalg.solve(products, truth - truth.mean(0)).astype(np.float32)
    return np.concatenate([np.linalg.norm(x.T @ dual, axis=1) for x in parts])


def _standardised(x: Floats) -> Floats:
    """Standardise columns (n, m) in place; those that hardly change become 0."""
    mean = np.full(len(x), 1 / len(x), np.float32)
    x -= mean @ x
    x -= mean @ x  # what rounding has left of the mean
    scale = np.sqrt(np.einsum("ij,ij->j", x, x) / np.float32(len(x)))
    x *= np.where(scale > STILL, 1 / np.maximum(scale, STILL), np.float32(0))
    return x
