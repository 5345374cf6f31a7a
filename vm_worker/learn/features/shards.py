"""Compute one network's features on a cluster: its processes take shards, which are ranges of the photos.

Each shard's features are a file, and the files are joined in the order of the photos. So it changes nothing but
rounding which process computed which shard: all use the engine that was chosen on this machine.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vm_worker.executors.choice import chosen
from vm_worker.executors.executor import Executor, MessageSink, OutOfMemory, Result, TaskFailed
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import engines, openvino
from vm_worker.learn.features.engines import Engine
from vm_worker.learn.features.extraction import Extract, Pace, Source, Target, TooSlow, Watch, alone, extract
from vm_worker.learn.networks import build, depth
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.spec import Cluster

ENTRY = "vm_worker.learn.features.shards:work"
LEAST = 128  # photos of a shard; a smaller one is not worth its transport
EACH = 2  # shards for each process, so that a lost one costs less

log = logging.getLogger(__name__)


@contextmanager
def spread(cluster: Cluster, folder: Path, least: int = LEAST) -> Iterator[Extract]:
    """Yield the function that extracts features: by the cluster, if there is one, else by this process alone.

    `folder` is a folder that all nodes of the cluster share; no shard has fewer than `least` photos.
    """
    if not cluster.address:
        yield alone
        return
    shards = Shards(folder, lambda hear: chosen(ENTRY, hear, cluster, isolated=True), least)
    try:
        yield shards.extract
    finally:
        shards.executor.close()


def ranges(rows: int, workers: int, least: int = LEAST) -> list[slice]:
    """Cut so many rows into equal parts, in order: EACH for each worker, but none below `least` rows."""
    count = max(1, min(EACH * workers, rows // least))
    ends = [rows * number // count for number in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


class Shards:
    """The extraction of features by a cluster's processes, for one selection."""

    def __init__(self, folder: Path, started: Callable[[MessageSink], Executor], least: int = LEAST) -> None:
        """`started` starts the executor, which tells this object of its tasks' progress."""
        self._folder, self._least = folder, least
        self._done: dict[int, int] = {}  # photos, by shard
        self._watch, self._began = Watch(Budget.of(0)), 0.0
        self.executor = started(self.hear)

    def hear(self, progress: Mapping[str, Any]) -> None:
        """Take a shard's report of its progress, and pass on the sum of all."""
        self._done[progress["shard"]] = progress["done"]
        done = sum(self._done.values())
        self._watch.progress(done, done / max(time.monotonic() - self._began, 1e-6))

    def extract(self, weight: WeightFile, engine: Engine, source: Source, target: Target, watch: Watch) -> Pace:
        """Extract as `extraction.extract` does, by all processes; where they fail, by this process alone.

        Raises TooSlow.
        """
        parts = ranges(len(source.rows), self.executor.workers, self._least)
        late = len(source.rows) > engine.speed * self.executor.workers * watch.budget.remaining()
        if len(parts) == 1 or late:
            return alone(weight, engine, source, target, watch)
        self._done, self._watch, self._began = {}, watch, time.monotonic()
        given = {"weight": asdict(weight) | {"path": str(weight.path)}, "way": engine.name}
        # A network's features may be asked for twice: late files of the first time must not pass for the second's.
        name = f"shard-{weight.key}-{uuid.uuid4().hex}"
        tasks = [
            {**given, **_shard(number, source, part), "out": str(self._folder / f"{name}-{number}.npy")}
            for number, part in enumerate(parts)
        ]
        seconds = watch.budget.remaining()
        futures = [self.executor.submit({**task, "seconds": seconds}) for task in tasks]
        try:
            return self._joined(futures, tasks, parts, target)
        except (OutOfMemory, TaskFailed) as error:
            log.warning("the cluster's features of %s are given up: %s", weight.key, error)
        except TooSlow:
            if watch.least is None:
                raise
        return alone(weight, engine, source, target, watch)

    def _joined(
        self, futures: Sequence[Future[Result]], tasks: Sequence[Mapping[str, Any]], parts: list[slice], target: Target
    ) -> Pace:
        results = [future.result() for future in futures]
        if any("slow" in result for result in results):
            speeds: list[Any] = [result.get("slow", result.get("speed", 0.0)) for result in results]
            raise TooSlow(sum(speeds) / EACH)
        for part, task in zip(parts, tasks, strict=True):
            out = Path(task["out"])
            target.values[target.places[part]] = np.load(out)
            out.unlink()
        done = len(target.places)
        return Pace(done, done / max(time.monotonic() - self._began, 1e-6))


def _shard(number: int, source: Source, part: slice) -> dict[str, Any]:
    pixels: Any = source.pixels  # a memory map of a file in the shared folder
    return {"shard": number, "pixels": str(pixels.filename), "rows": source.rows[part].tolist()}


_engines: dict[tuple[str, str], Engine] = {}  # the last task's engine, by network and engine name


def work(task: Mapping[str, Any], tell: MessageSink) -> Mapping[str, Any]:
    """Compute one shard in an executor's process: its features go into the file that the task names."""
    engine = _engine(WeightFile(**task["weight"] | {"path": Path(task["weight"]["path"])}), task["way"], task["out"])
    rows = np.asarray(task["rows"], np.int64)
    source = Source(np.load(task["pixels"], mmap_mode="r", allow_pickle=False), rows)
    values = np.empty((len(rows), *engine.shape), np.float16)

    def progress(done: int, speed: float) -> None:
        tell({"shard": task["shard"], "done": done})

    try:
        watch = Watch(Budget.of(task["seconds"]), progress)
        pace = extract(engine, source, Target(values, np.arange(len(rows))), watch)
    except TooSlow as slow:
        return {"slow": slow.speed}
    with replacing(Path(task["out"])) as mine:
        np.save(mine, values)
    return {"speed": pace.speed}


def _engine(weight: WeightFile, way: str, out: str) -> Engine:
    if (weight.key, way) not in _engines:
        _engines.clear()
        model = depth.deepened(build.extractor(weight.key, weight))
        engine = engines.by_keras(model)
        for precision in openvino.precisions() if openvino.available() and way != engine.name else ():
            if way.endswith(f" in {precision}"):
                engine = engines.compiled(openvino.Network(model, Path(out).parent), precision, engine)
                break
        _engines[weight.key, way] = engine
    return _engines[weight.key, way]
