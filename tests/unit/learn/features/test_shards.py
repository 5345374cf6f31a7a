"""Features by shards are the features of one process, whoever computes which."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.learn.tune.subjects import subject
from vm_worker.executors.executor import ExecutorTask, Result
from vm_worker.executors.serial import SerialExecutor
from vm_worker.learn.budget import Budget
from vm_worker.learn.features import engines, extraction, shards
from vm_worker.learn.features.engines import Engine
from vm_worker.learn.features.extraction import Source, Target, TooSlow, Watch, alone
from vm_worker.learn.features.shards import Shards, ranges
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import build, depth
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.spec import Cluster

ROWS = 24


class Two(SerialExecutor):
    """As if two processes worked."""

    workers = 2


class Desk:
    """Photos, their network, and where features go."""

    def __init__(self, file: WeightFile, photos: LabelledPhotos) -> None:
        self.weight = file
        self.pixels = photos.pixels(CATALOGUE[file.key].size)
        self.engine = replace(
            engines.by_keras(depth.deepened(build.extractor(self.weight.key, self.weight))), speed=1e3
        )
        self.source = Source(self.pixels, np.random.default_rng(0).permutation(60)[:ROWS].astype(np.int64))
        self.places = np.random.default_rng(1).permutation(ROWS).astype(np.int64)
        self.watch = Watch(Budget.of(600))

    def target(self) -> Target:
        return Target(np.zeros((ROWS, *self.engine.shape), np.float32), self.places)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    for small in subject("tiny", tmp_path_factory.mktemp("photos")):
        yield Desk(small.weight, small.photos)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Shards]:
    yield Shards(tmp_path, lambda hear: Two(shards.ENTRY, hear), least=5)
    shards._engines.clear()


@pytest.mark.parametrize(("rows", "workers"), [(1000, 2), (1001, 3), (128, 4), (127, 4), (300, 1)])
def test_ranges_hold_every_row_once_in_order(rows: int, workers: int) -> None:
    parts = ranges(rows, workers)
    assert [row for part in parts for row in range(rows)[part]] == list(range(rows))
    assert len(parts) == max(1, min(2 * workers, rows // shards.LEAST))


def test_the_parts_joined_are_the_whole(desk: Desk, work: Shards, tmp_path: Path) -> None:
    heard: list[int] = []
    watch = replace(desk.watch, progress=lambda done, speed: heard.append(done))
    whole, joined = desk.target(), desk.target()
    alone(desk.weight, desk.engine, desk.source, whole, desk.watch)
    pace = work.extract(desk.weight, desk.engine, desk.source, joined, watch)
    np.testing.assert_allclose(joined.values, whole.values, rtol=1e-3, atol=1e-5)  # shards are in half precision
    assert np.abs(whole.values).sum() > 0
    assert pace.done == ROWS and heard == sorted(heard) and heard[-1] == ROWS
    assert not list(tmp_path.glob("shard-*"))


def test_what_the_cluster_cannot_do_this_process_does(
    desk: Desk, work: Shards, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shards, "_engine", _broken)
    target = desk.target()
    assert work.extract(desk.weight, desk.engine, desk.source, target, desk.watch).done == ROWS
    assert np.abs(target.values).sum(axis=1).all() and "given up" in caplog.text


def _broken(*arguments: object) -> Engine:
    raise ValueError("no such luck")


def test_shards_that_are_too_slow_are_too_slow(desk: Desk, work: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*arguments: object) -> extraction.Pace:
        raise TooSlow(2.0)

    monkeypatch.setattr(shards, "extract", slow)
    with pytest.raises(TooSlow, match=r"4\.0 images"):
        work.extract(desk.weight, desk.engine, desk.source, desk.target(), desk.watch)


def test_what_comes_late_of_one_time_is_not_taken_for_the_next_ones(
    desk: Desk, work: Shards, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A node that was cut off ends its shard when another has made it long ago."""
    asked: list[Path] = []
    late: list[Path] = []

    def disturbed(*arguments: object) -> extraction.Pace:
        for out in late:
            np.save(out, np.full((ROWS, *desk.engine.shape), 7, np.float32))
        return extraction.extract(*arguments)  # type: ignore[arg-type]

    def noted(task: ExecutorTask) -> Future[Result]:
        asked.append(Path(str(task["out"])))
        return submit(task)

    submit = work.executor.submit
    monkeypatch.setattr(shards, "extract", disturbed)
    monkeypatch.setattr(work.executor, "submit", noted)
    first, second = desk.target(), desk.target()
    work.extract(desk.weight, desk.engine, desk.source, first, desk.watch)
    late = list(asked)
    work.extract(desk.weight, desk.engine, desk.source, second, desk.watch)
    assert len(late) > 1 and len(asked) == 2 * len(late)
    np.testing.assert_allclose(second.values, first.values, atol=1e-5)


def test_without_a_cluster_nothing_is_spread(tmp_path: Path) -> None:
    with shards.spread(Cluster(), tmp_path) as extract:
        assert extract is alone
