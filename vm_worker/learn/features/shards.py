"""Features by shards: the photos of one candidate, cut into ranges that a cluster's processes send through the network.

Each shard is a file beside the features, joined in the order of the photos, so that who computed which changes
nothing but rounding: every process takes the way through the network that was chosen on this machine.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vm_worker.executors.choice import chosen
from vm_worker.executors.executor import Executor, OutOfMemory, Result, TaskFailed, Tell
from vm_worker.learn.atomic_files import replacing
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import engines, openvino
from vm_worker.learn.features.engines import Engine
from vm_worker.learn.features.extraction import Extract, Pace, Source, Target, TooSlow, Watch, alone, extract
from vm_worker.learn.networks import build
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.spec import Cluster

ENTRY = "vm_worker.learn.features.shards:work"
LEAST = 128  # photos of a shard: less is not worth its way
EACH = 2  # shards for each process, so that a lost one costs less

log = logging.getLogger(__name__)


@contextmanager
def spread(cluster: Cluster, folder: Path) -> Iterator[Extract]:
    """How features are extracted: by the cluster, if there is one; `folder` is seen by all of its nodes."""
    if not cluster.address:
        yield alone
        return
    shards = Shards(folder)
    shards.executor = chosen(ENTRY, shards.hear, cluster, isolated=True)
    try:
        yield shards.extract
    finally:
        shards.executor.close()


def ranges(rows: int, workers: int) -> list[slice]:
    """Equal parts of so many rows, in order."""
    count = max(1, min(EACH * workers, rows // LEAST))
    ends = [rows * number // count for number in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


class Shards:
    """One selection's."""

    executor: Executor

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: dict[int, int] = {}  # photos, by shard
        self._watch, self._began = Watch(Budget.of(0)), 0.0

    def hear(self, told: Mapping[str, Any]) -> None:
        """Progress of a shard."""
        self._done[told["shard"]] = told["done"]
        done = sum(self._done.values())
        self._watch.progress(done, done / max(time.monotonic() - self._began, 1e-6))

    def extract(self, weight: WeightFile, engine: Engine, source: Source, target: Target, watch: Watch) -> Pace:
        """As `features.extract`, by all processes. What they cannot do, this one does alone."""
        parts = ranges(len(source.rows), self.executor.workers)
        late = len(source.rows) > engine.speed * self.executor.workers * watch.budget.remaining()
        if len(parts) == 1 or late:
            return alone(weight, engine, source, target, watch)
        self._done, self._watch, self._began = {}, watch, time.monotonic()
        given = {"weight": asdict(weight) | {"path": str(weight.path)}, "way": engine.name}
        # A candidate may be asked for more than once: what comes late of one time must not pass for the next one's.
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
    pixels: Any = source.pixels  # a memory map of a file that every node sees
    return {"shard": number, "pixels": str(pixels.filename), "rows": source.rows[part].tolist()}


_engines: dict[tuple[str, str], Engine] = {}  # the one of the last task


def work(task: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    """One shard, in a process of its own: its features go into the file that the task names."""
    engine = _engine(WeightFile(**task["weight"] | {"path": Path(task["weight"]["path"])}), task["way"], task["out"])
    rows = np.asarray(task["rows"], np.int64)
    source = Source(np.load(task["pixels"], mmap_mode="r", allow_pickle=False), rows)
    values = np.empty((len(rows), *engine.shape), np.float32)

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
        model = build.extractor(weight.key, weight)
        engine = engines.by_keras(model)
        for precision in openvino.precisions() if openvino.available() and way != engine.name else ():
            if way.endswith(f" in {precision}"):
                engine = engines.compiled(openvino.Network(model, Path(out).parent), precision, engine)
                break
        _engines[weight.key, way] = engine
    return _engines[weight.key, way]
