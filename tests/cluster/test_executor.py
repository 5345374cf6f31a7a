"""The Ray executor on a real cluster of two nodes: results, progress, errors, processes and nodes that are killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import Nodes
from vm_worker.executors.executor import ExecutorTask, OutOfMemory, TaskFailed
from vm_worker.executors.ray import RayExecutor, RayPolicy
from vm_worker.spec import Cluster

ENTRY = "tests.cluster.tasks:work"
ADD: ExecutorTask = {"do": "add", "numbers": [1, 2]}
PATIENCE = 150.0  # seconds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

Told = list[Mapping[str, Any]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def executor(nodes: Nodes, told: Told) -> Iterator[RayExecutor]:
    made = RayExecutor(ENTRY, told.append, Cluster(nodes.address))
    yield made
    made.close()


def until(what: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_there_are_as_many_places_as_the_cluster_has_room_for(executor: RayExecutor, told: Told) -> None:
    assert executor.workers == 2
    assert executor.submit(ADD).result(PATIENCE)["sum"] == 3
    assert told == [{"adding": [1, 2]}]


def test_tasks_run_on_both_nodes_at_a_time(executor: RayExecutor, told: Told, tmp_path: Path) -> None:
    go = tmp_path / "go"
    futures = [executor.submit({"do": "wait", "until": str(go), "name": name}) for name in "ab"]
    until(lambda: len(told) == 2)
    go.touch()
    results = [future.result(PATIENCE) for future in futures]
    assert [result["name"] for result in results] == ["a", "b"]
    assert len({result["node"] for result in results}) == 2


def test_a_process_is_kept_from_task_to_task(nodes: Nodes, told: Told) -> None:
    executor = RayExecutor(ENTRY, told.append, Cluster(nodes.address, workers=1))
    pids = {executor.submit(ADD).result(PATIENCE)["pid"] for _ in range(3)}
    executor.close()
    assert len(pids) == 1 and pids != {os.getpid()}


def test_an_error_of_the_task_is_told_and_not_repeated(executor: RayExecutor, told: Told) -> None:
    with pytest.raises(OutOfMemory):
        executor.submit({"do": "lack"}).result(PATIENCE)
    with pytest.raises(TaskFailed, match="nothing that is known"):
        executor.submit({"do": "what"}).result(PATIENCE)
    assert executor.submit(ADD).result(PATIENCE)["sum"] == 3


def test_an_entry_that_names_nothing_fails_its_task(nodes: Nodes) -> None:
    executor = RayExecutor("tests.cluster.tasks:nothing", lambda told: None, Cluster(nodes.address, workers=1))
    with pytest.raises(TaskFailed, match="nothing"):
        executor.submit(ADD).result(PATIENCE)
    executor.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_task_whose_process_is_killed_begins_again(
    number: int, executor: RayExecutor, told: Told, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    future = executor.submit({"do": "wait", "until": str(go), "seconds": 1000.0})
    until(lambda: len(told) == 1)
    go.touch()
    os.kill(told[0]["pid"], number)
    result: Mapping[str, Any] = future.result(PATIENCE)
    assert result["pid"] != told[0]["pid"] and len(told) == 2
    assert result["seconds"] < 1000  # what the lost one took is gone


def test_a_task_whose_node_is_killed_begins_again_on_the_other(
    nodes: Nodes, executor: RayExecutor, told: Told, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    futures = [executor.submit({"do": "wait", "until": str(go), "name": name}) for name in "abc"]
    until(lambda: len(told) == 2)
    lost, left = (one["node"] for one in told)
    nodes.kill(lost)
    go.touch()
    results = [future.result(PATIENCE) for future in futures]
    assert [result["name"] for result in results] == ["a", "b", "c"]
    assert {result["node"] for result in results} == {left}
    assert len(told) == 4  # one of the three has begun twice


def test_what_loses_every_process_fails(executor: RayExecutor) -> None:
    with pytest.raises(TaskFailed, match="lost"):
        executor.submit({"do": "leave"}).result(PATIENCE)
    assert executor.submit(ADD).result(PATIENCE)["sum"] == 3


def test_closing_ends_a_task_in_the_middle(nodes: Nodes, told: Told) -> None:
    executor = RayExecutor(ENTRY, told.append, Cluster(nodes.address))
    future = executor.submit({"do": "wait", "until": "/nowhere"})
    until(lambda: told)
    executor.close()
    with pytest.raises(TaskFailed, match="closed"):
        future.result(20)
    until(lambda: not Path(f"/proc/{told[0]['pid']}").exists())


def test_without_room_tasks_are_refused(nodes: Nodes) -> None:
    cluster = Cluster(nodes.address, gpus=1, workers=1)
    executor = RayExecutor(ENTRY, lambda told: None, cluster, RayPolicy(room_seconds=3.0))
    with pytest.raises(TaskFailed, match="no node of the cluster has room"):
        executor.submit(ADD).result(PATIENCE)
    executor.close()


def test_no_cluster_is_a_connection_error() -> None:
    with pytest.raises(ConnectionError):
        RayExecutor(ENTRY, lambda told: None, Cluster("127.0.0.1:1"))
