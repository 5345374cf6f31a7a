"""Features: how fast they come, beside the bare forward pass of the same network, and by each way there is.

All ways of a network are measured in turn, round by round, in one process: the figures are medians of ratios that
neighbours on a shared machine cannot bend much. Networks without weights here run with random ones, which are as fast.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vm_worker.learn.budget import Budget
from vm_worker.learn.features import engines, extraction, openvino
from vm_worker.learn.features.engines import Engine
from vm_worker.learn.features.extraction import Source, Target, Watch
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile, find

NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "mobilenet", "xception", "vgg16")
IMAGES = 128
ROUNDS = 3
SECONDS = 8.0  # of one measurement at most, at the speed of the first pass: slow networks see fewer images


@dataclass(frozen=True)
class Way:
    """One way through a network, and what was measured of it."""

    run: Callable[[], None]
    seconds: list[float]
    processor: list[float]  # seconds of processor time: neighbours on a shared machine bend it less


@pytest.mark.timeout(3600)
def test_features_come_as_fast_as_the_bare_forward_pass() -> None:
    """Images a second: the stream from map to map, and the same network on pixels that lie ready."""
    print(f"\n{'network':<22}{'bare, images/s':>16}{'streamed':>12}{'ratio':>8}{'of processor time':>20}")
    for key in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            _print_stream(key, Path(folder))


@pytest.mark.timeout(3600)
def test_ways_through_a_network() -> None:
    """Images a second by Keras and by OpenVINO in each precision, and how alike the features are."""
    if not openvino.available():
        print("\nOpenVINO is not installed")
        return
    print(f"\n{'network':<22}{'way':<46}{'images/s':>10}{'x Keras':>9}{'cosine: mean':>14}{'least':>9}")
    for key in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            model = build.extractor(key, _weight(key))
            _print_ways(key, _engines(model, Path(folder)), Path(folder))


def _print_stream(key: str, folder: Path) -> None:
    model = build.extractor(key, _weight(key))
    engine = replace(engines.by_keras(model), speed=1.0)  # measured, as a job's are: it is not traced again
    pixels, count = _pixels(key, engine, folder)
    rows = np.arange(count, dtype=np.int64)
    target = Target(extraction.on_disk(folder / "features.npy", count, engine.shape), rows)
    ready = np.asarray(pixels[: engines.BATCH], np.float32)
    ways = {
        "bare": Way(lambda: _bare(model, ready, count), [], []),
        "stream": Way(lambda: _stream(engine, Source(pixels, rows), target), [], []),
    }
    _race(ways)
    work = float(np.median(np.divide(ways["bare"].processor, ways["stream"].processor)))
    bare, stream = (count / float(np.median(way.seconds)) for way in ways.values())
    print(f"{key:<22}{bare:>16.1f}{stream:>12.1f}{_ratio(ways, 'bare', 'stream'):>8.2f}{work:>20.2f}", flush=True)


def _print_ways(key: str, found: Mapping[str, Engine], folder: Path) -> None:
    pixels, count = _pixels(key, found[engines.KERAS], folder)
    said: dict[str, NDArray[np.float32]] = {}

    def passing(name: str, engine: Engine) -> Callable[[], None]:
        def run() -> None:
            said[name] = extraction.in_memory(engine, Source(pixels, np.arange(count, dtype=np.int64)))

        return run

    ways = {name: Way(passing(name, engine), [], []) for name, engine in found.items()}
    _race(ways)
    for name, way in ways.items():
        alike = engines.cosines(said[name], said[engines.KERAS])
        speed = count / float(np.median(way.seconds))
        ratio = _ratio(ways, engines.KERAS, name)
        print(f"{key:<22}{name:<46}{speed:>10.1f}{ratio:>9.2f}{alike.mean():>14.5f}{alike.min():>9.5f}", flush=True)


def _engines(model: keras.Model, folder: Path) -> dict[str, Engine]:
    plain = engines.by_keras(model)
    network = openvino.Network(model, folder)
    compiled = (engines.compiled(network, precision, plain) for precision in openvino.precisions())
    return {engine.name: engine for engine in (plain, *compiled)}


def _bare(model: keras.Model, ready: NDArray[np.float32], count: int) -> None:
    for _ in range(count // len(ready)):
        model.predict_on_batch(ready)


def _stream(engine: Engine, source: Source, target: Target) -> None:
    extraction.extract(engine, source, target, Watch(Budget.of(3600)))


def _race(ways: Mapping[str, Way]) -> None:
    for way in ways.values():
        way.run()
    for _ in range(ROUNDS):
        for way in ways.values():
            started = time.monotonic(), time.process_time()
            way.run()
            way.seconds.append(time.monotonic() - started[0])
            way.processor.append(time.process_time() - started[1])


def _ratio(ways: Mapping[str, Way], slow: str, fast: str) -> float:
    """Median over the rounds of how many times faster."""
    return float(np.median(np.divide(ways[slow].seconds, ways[fast].seconds)))


def _pixels(key: str, engine: Engine, folder: Path) -> tuple[NDArray[np.uint8], int]:
    """A map of real photographs' tiles, and how many whole batches of them are passed."""
    import skimage.data

    size, random = CATALOGUE[key].size, np.random.default_rng(0)
    photographs = [
        Image.fromarray(getattr(skimage.data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")
    ]
    squares = [_tile(photographs[number % 4], size, random) for number in range(IMAGES)]
    path = folder / "pixels.npy"
    np.save(path, np.stack(squares))
    pixels: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    engine.run(pixels[:1])
    started = time.monotonic()
    engine.run(pixels[: engine.batch])
    speed = engine.batch / (time.monotonic() - started)
    return pixels, int(np.clip(speed * SECONDS // engines.BATCH, 1, IMAGES // engines.BATCH)) * engines.BATCH


def _tile(photograph: Image.Image, size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    side = int(random.integers(120, min(photograph.size)))
    left, top = (int(random.integers(0, whole - side + 1)) for whole in photograph.size)
    return np.asarray(photograph.crop((left, top, left + side, top + side)).resize((size, size)).convert("RGB"))


def _weight(key: str) -> WeightFile | None:
    found, _ = find([key], os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    return found.get(key)
