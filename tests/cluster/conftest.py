"""A real Ray cluster of two nodes on this machine: a head without processors, and nodes of one each."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.workers import children_of

# Read when Ray is imported: everything on the loopback interface, no report of its use, no warning of a change to come.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # the usual 15 gets no turn beside tests that kill and start processes
}

MEMORY = 80 * 1024**2  # bytes of each object store: the least that Ray takes


class Nodes:
    """The cluster."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={**self._arguments(0), "include_dashboard": False})
        self.address: str = self._cluster.address
        self.running = [self.add(), self.add()]

    @staticmethod
    def _arguments(processors: int) -> dict[str, Any]:
        return {"num_cpus": processors, "object_store_memory": MEMORY, "node_ip_address": "127.0.0.1"}

    def add(self) -> Any:
        """One more node."""
        return self._cluster.add_node(**self._arguments(1))

    def kill(self, node_id: str) -> None:
        """The node and all its processes, at once, as when the machine loses its power."""
        node = next(one for one in self.running if one.node_id == node_id)
        self.running.remove(node)
        for pid in _family(_raylet(node)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._cluster.remove_node(node, allow_graceful=False)

    def working(self) -> str:
        """A node on which a task runs now; empty when there is none."""
        busy = [one.node_id for one in self.running if any(map(_works, _family(_raylet(one))))]
        return busy[0] if busy else ""

    def refill(self) -> None:
        """Two nodes again."""
        while len(self.running) < 2:
            self.running.append(self.add())

    def close(self) -> None:
        """End every process of it."""
        import ray

        ray.shutdown()
        self._cluster.shutdown()


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def _works(pid: int) -> bool:
    """Ray names a process after the method that it is in."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::TaskActor.do")
    except OSError:  # it has just ended
        return False


def _family(pid: int) -> list[int]:
    """The process, its children and theirs."""
    return [pid, *(one for child in children_of(pid) for one in _family(child))]


@pytest.fixture(scope="session")
def started() -> Iterator[Nodes]:
    nodes = Nodes()
    yield nodes
    nodes.close()


@pytest.fixture
def nodes(started: Nodes) -> Nodes:
    started.refill()
    return started
