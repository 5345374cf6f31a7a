"""Run each task at once in this process: for tests, and when there is no time to start a process."""

from __future__ import annotations

import logging
from concurrent.futures import Future

from vm_worker.executors.executor import ExecutorTask, MessageSink, OutOfMemory, Result, TaskFailed, found, lacks_memory

log = logging.getLogger(__name__)


class SerialExecutor:
    """An executor without processes. A task that crashes also ends its caller's process."""

    workers = 1

    def __init__(self, entry: str, tell: MessageSink) -> None:
        self._entry, self._tell = entry, tell

    def submit(self, task: ExecutorTask) -> Future[Result]:
        """Run the task; its result is known when this method returns."""
        future: Future[Result] = Future()
        try:
            future.set_result(found(self._entry)(task, self._tell))
        except Exception as error:  # one trial's error must not end the job, as it would not in a process of its own
            log.warning("a task failed", exc_info=True)
            kind = OutOfMemory if lacks_memory(error) else TaskFailed
            future.set_exception(kind(f"{type(error).__name__}: {error}"))
        return future

    def close(self) -> None:
        """Do nothing, as no process was started."""
