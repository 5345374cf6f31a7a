"""Choose where tasks run: on a cluster if there is one, in a child process, or in this process."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from vm_worker.executors.executor import Executor, ExecutorTask, MessageSink, Result
from vm_worker.executors.local import LocalExecutor
from vm_worker.executors.serial import SerialExecutor
from vm_worker.spec import Cluster

log = logging.getLogger(__name__)


def chosen(entry: str, tell: MessageSink, cluster: Cluster, isolated: bool, processes: int = 1) -> Executor:
    """Return the executor of the cluster, or of this machine when there is no cluster or it does not answer.

    `isolated`: tasks run in another process, or in so many `processes` of this machine at a time. Else they run in this
    process, and never on a cluster.
    """
    if cluster.address and isolated:
        try:
            from vm_worker.executors.ray import RayExecutor

            return RayExecutor(entry, tell, cluster)
        except (ImportError, ConnectionError) as error:
            log.warning("there is no cluster, and this machine works alone: %s", error)
    return LocalExecutor(entry, tell, processes) if isolated else SerialExecutor(entry, tell)


class Ahead:
    """A set of tasks that may begin before their results are needed, when the executor runs several tasks at a time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._begun: dict[str, Future[Result]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._begun

    def begin(self, key: str, task: ExecutorTask) -> None:
        """Begin the task if the executor runs several tasks at a time.

        A single worker begins a task only when its result is needed, as some results may never be.
        """
        if self._executor.workers > 1 and key not in self._begun:
            self._begun[key] = self._executor.submit(task)

    def result(self, key: str, task: ExecutorTask) -> Result:
        """Wait for the result of the task that has begun under this key, or run `task`.

        Raises OutOfMemory, TaskFailed.
        """
        future = self._begun.pop(key, None) or self._executor.submit(task)
        return future.result()
