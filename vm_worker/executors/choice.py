"""Chooses where tasks run: on a cluster if there is one, in a process of this machine, or in this process."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from vm_worker.executors.executor import Executor, Result, Task, Tell
from vm_worker.executors.local import LocalExecutor
from vm_worker.executors.serial import SerialExecutor
from vm_worker.spec import Cluster

log = logging.getLogger(__name__)


def chosen(entry: str, tell: Tell, cluster: Cluster, isolated: bool) -> Executor:
    """The executor of a cluster, or of this machine where there is none or it does not answer.

    `isolated`: in another process; else in this one, and on no cluster.
    """
    if cluster.address and isolated:
        try:
            from vm_worker.executors.ray import RayExecutor

            return RayExecutor(entry, tell, cluster)
        except (ImportError, ConnectionError) as error:
            log.warning("there is no cluster, and this machine works alone: %s", error)
    return LocalExecutor(entry, tell) if isolated else SerialExecutor(entry, tell)


class Ahead:
    """Tasks that may begin before they are asked for, where more than one runs at a time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._begun: dict[str, Future[Result]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._begun

    def begin(self, key: str, task: Task) -> None:
        """Let the task begin; a single place takes tasks only when they are asked for, as not all may be."""
        if self._executor.workers > 1 and key not in self._begun:
            self._begun[key] = self._executor.submit(task)

    def result(self, key: str, task: Task) -> Result:
        """Wait for the result of the task that has begun, or else of this one. Raises OutOfMemory, TaskFailed."""
        future = self._begun.pop(key, None) or self._executor.submit(task)
        return future.result()
