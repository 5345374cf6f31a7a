"""What a training step above a cut costs, beside what the plan of a job reckons by the network's layers.

    python -m tests.benchmarks.shares efficientnet_lite0 mobilenet resnet50_v2

Random weights: only the time counts. `share` is the part of a forward pass above the cut as reckoned, `measured` the
step's time in forward passes, divided by `STEP`. The step without its first runs, the fastest of four.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from numpy.typing import NDArray

from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.fold_batchnorm import folded
from vm_worker.learn.networks.precision import STEP, product_dtype
from vm_worker.learn.tune.layer_costs import share_above
from vm_worker.learn.tune.recipe import cuts

BATCH = 32
CLASSES = 6
RUNS = 4


def main() -> None:
    """Print a row for each cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", nargs="+", choices=CATALOGUE, metavar="key")
    print(f"{'network':<22}{'cut':<26}{'share':>7}{'measured':>10}{'ratio':>7}")
    ratios = [ratio for key in parser.parse_args().keys for ratio in _rows(key)]
    print(f"root mean square of the ratios' logarithms: {np.sqrt(np.mean(np.log(ratios) ** 2)):.2f}")


def _rows(key: str) -> list[float]:
    row = CATALOGUE[key]
    base = build.extractor(key, None)
    model = keras.Model(base.input, keras.layers.Dense(CLASSES, activation="softmax")(base.output))
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (BATCH, row.size, row.size, 3)).astype(np.float32)
    forward = _seconds(lambda: model.predict_on_batch(pictures))
    ratios = []
    for cut in cuts(row)[:-1]:
        tensor = build.tensor_at(model, cut)
        tail = folded(keras.Model(tensor, model.output), product_dtype())
        step = _seconds(_step(tail, random.random((BATCH, *tensor.shape[1:]))))
        share, measured = share_above(model, cut), step / forward / STEP[product_dtype()]
        ratios.append(share / measured)
        print(f"{key:<22}{cut.layer:<26}{share:>7.3f}{measured:>10.3f}{ratios[-1]:>7.2f}", flush=True)
    return ratios


def _step(tail: keras.Model, activations: NDArray[np.float64]) -> Callable[[], object]:
    tail.compile(optimizer=keras.optimizers.AdamW(1e-5), loss="categorical_crossentropy")
    inputs, truth = activations.astype(np.float32), np.eye(CLASSES, dtype=np.float32)[np.arange(BATCH) % CLASSES]
    return lambda: tail.train_on_batch(inputs, truth)


def _seconds(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(RUNS):
        started = time.monotonic()
        call()
        times.append(time.monotonic() - started)
    return min(times)


if __name__ == "__main__":
    main()
