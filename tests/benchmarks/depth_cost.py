"""What selection takes for one network with heads of all depths, beside the bare pass of the same network.

    MODELMAIL_BENCH_PHOTOS=photos.zip pytest tests/benchmarks/depth_cost.py -o python_files='*.py' -m "" -s

Bare pass, pass with the averages of all depths, validation and last head run in turn, round by round, in one process.
The ratios are of the pass with all depths, the validation and the last head together against the bare pass; the table
shows the median of each part and of the rounds' ratios. To set a network up is not counted. MODELMAIL_BENCH_COUNTS
(600) are the numbers of photos.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest

from tests.benchmarks.photos import Photos, drawn
from vm_worker.learn.arrays import Halves
from vm_worker.learn.features import engines, extraction, openvino
from vm_worker.learn.features.engines import Engine
from vm_worker.learn.heads import head_validation
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.networks import build, depth
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile, find

CANDIDATES = (("efficientnet_lite0", 288), ("efficientnet_lite2", 260))
COUNTS = tuple(int(count) for count in os.environ.get("MODELMAIL_BENCH_COUNTS", "600").split(","))
EPOCHS, ROUNDS = 40, 3
WAYS = ("bare pass", "with depths", "heads", "last head")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", COUNTS)
def test_selection_beside_the_bare_pass(count: int, tmp_path: Path) -> None:
    source = os.environ.get("MODELMAIL_BENCH_PHOTOS")
    if not source:
        pytest.skip("MODELMAIL_BENCH_PHOTOS names no zip of photos")
    if not openvino.available():
        pytest.skip("OpenVINO is not installed")
    photos = drawn(Path(source), count)
    print(f"\n{photos.name}, {len(photos.labels)} photos, seconds")
    print(
        f"{'network':<28}{'precision':<34}" + "".join(f"{way:>13}" for way in WAYS) + f"{'ratio':>8}{'processor':>11}"
    )
    for key, size in CANDIDATES:
        bare = build.extractor(key, _weight(key), (size, size))
        networks = {WAYS[0]: bare, WAYS[1]: depth.deepened(bare)}
        for precision in openvino.precisions():
            found = {way: _engine(model, precision, tmp_path) for way, model in networks.items()}
            _print(f"{key} at {size}", precision, _rounds(found, photos, size, CATALOGUE[key].features))


def _weight(key: str) -> WeightFile:
    found, _ = find([key], os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    return found[key]


def _engine(model: keras.Model, precision: openvino.Precision, folder: Path) -> Engine:
    return engines.compiled(openvino.Network(model, folder), precision, engines.by_keras(model))


def _rounds(
    found: Mapping[str, Engine], photos: Photos, size: int, features: int
) -> dict[str, list[tuple[float, float]]]:
    """Return seconds by the clock and of the processor, of each way in each round."""
    pixels, rows = photos.squares(size), np.arange(len(photos.labels), dtype=np.int64)
    settings = HeadSettings(len(photos.classes), EPOCHS, 0)
    order = np.random.default_rng(0).permutation(rows)

    def through(way: str) -> Halves:
        return extraction.in_memory(found[way], extraction.Source(pixels, order)).astype(np.float16)

    table = FeatureTable(through(WAYS[1]), photos.labels[order], rows, len(rows) * 3 // 4, features)
    result = head_validation.validate(table, settings)
    work: dict[str, Callable[[], object]] = {
        WAYS[0]: lambda: through(WAYS[0]),
        WAYS[1]: lambda: through(WAYS[1]),
        WAYS[2]: lambda: head_validation.validate(table, settings),
        WAYS[3]: lambda: head_validation.refit(table, settings, result),
    }
    through(WAYS[0])
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            started = time.monotonic(), time.process_time()
            work[way]()
            seconds[way].append((time.monotonic() - started[0], time.process_time() - started[1]))
    return seconds


def _print(network: str, precision: str, seconds: Mapping[str, list[tuple[float, float]]]) -> None:
    rounds = np.array([seconds[way] for way in WAYS])  # ways, rounds, by the clock and of the processor
    clock, processor = np.median(rounds[1:].sum(0) / rounds[0], axis=0)
    parts = "".join(f"{one:>13.2f}" for one in np.median(rounds[..., 0], axis=1))
    print(f"{network:<28}{precision:<34}{parts}{clock:>8.2f}{processor:>11.2f}", flush=True)
