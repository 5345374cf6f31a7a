"""How large a rule trial the time allows: a ladder of sizes, and this machine's speed."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace

import keras
import numpy as np

from vm_worker.learn.bench import Bench
from vm_worker.learn.features import BATCH, forward
from vm_worker.learn.heads import batch_of
from vm_worker.learn.trial import SHARES, Recipe, Rows

CACHE_BYTES = 10 * 1024**3  # of activations at most, on disk
GRAPHS_SECONDS = 12.0  # tracing of the graphs that train and judge
MARGIN = 1.3  # a shared machine is not always as fast as when it was measured
RATE = 2e-4  # at a batch of BATCH_LEAST; the heads' is 1e-2
BATCH_LEAST, BATCH_MOST = 32, 64  # twice the heads' within these: larger ones leave too few steps


@dataclass(frozen=True)
class Rung:
    """One size of the rule trial."""

    depth: int  # which of the network's cuts; 0 unfreezes least
    views: int
    epochs: int


# The largest first: what the budget allows is taken.
RUNGS = (Rung(1, 4, 12), Rung(1, 2, 8), Rung(0, 2, 8), Rung(0, 2, 4), Rung(0, 1, 3))


def affordable(bench: Bench) -> Recipe | None:
    """The strongest recipe that fits the budget at this machine's speed; None when none does."""
    if bench.request.budget.remaining() < GRAPHS_SECONDS:
        return None
    whole = _seconds_an_image(bench, bench.model)
    # The rate goes with the batch (Goyal et al. 2017, section 2.1).
    batch = int(np.clip(2 * batch_of(len(bench.train)), BATCH_LEAST, BATCH_MOST))
    for depth, rungs in itertools.groupby(RUNGS, key=lambda rung: rung.depth):
        cut = bench.backbone.cuts[depth]
        stem = bench.stem(cut)
        below = _seconds_an_image(bench, stem)
        numbers = int(np.prod(stem.output.shape[1:]))
        for rung in rungs:
            epochs = min(rung.epochs, bench.request.options.epochs)
            needed = _needed(bench, replace(rung, epochs=epochs), below, whole - below)
            small = rung.views * len(bench.labels) * numbers * np.float16().nbytes <= CACHE_BYTES
            if small and needed <= bench.request.budget.remaining():
                return Recipe(cut, rung.views, epochs, RATE * batch / BATCH_LEAST, batch)
    return None


def _needed(bench: Bench, rung: Rung, below: float, above: float) -> float:
    """Seconds of the whole trial; `below` and `above` the cut are seconds an image, forward."""
    images = len(bench.labels)
    preparing = rung.views * images * (below + above)
    # Backward costs twice what forward does. Training once more on all rows is for the time that is left then.
    training = 3 * above * rung.epochs * len(bench.train)
    judging = above * (rung.epochs + len(SHARES)) * len(bench.validation)
    return GRAPHS_SECONDS + MARGIN * (preparing + training + judging)


def _seconds_an_image(bench: Bench, model: keras.Model) -> float:
    """Of a forward pass of a full batch."""
    rows = np.resize(bench.source.rows, BATCH)
    forward(model, bench.source.pixels, rows)  # traces the graph
    return min(_timed(bench, model, rows) for _ in range(2)) / BATCH


def _timed(bench: Bench, model: keras.Model, rows: Rows) -> float:
    started = time.monotonic()
    forward(model, bench.source.pixels, rows)
    return time.monotonic() - started
