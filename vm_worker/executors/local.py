"""Run tasks in child processes of this machine, which are replaced when they die or their memory grows.

A process is kept from task to task: importing TensorFlow takes 4 to 8 seconds, and building and tracing a network takes
more. One process is the default, as training uses all cores by itself. Of several, each has its share of the cores:
small networks keep one core busy, and hardly a second one.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from jobs.json_values import JsonObject
from vm_worker.executors.ending import Ending
from vm_worker.executors.executor import GROWTH, ExecutorTask, Growth, MessageSink, OutOfMemory, Result, TaskFailed
from vm_worker.processes.line_process import LineProcess

log = logging.getLogger(__name__)


class LocalExecutor:
    """An executor with child processes. The first ones start at once, so that they import while the caller works."""

    def __init__(self, entry: str, tell: MessageSink, workers: int = 1, growth: Growth = GROWTH) -> None:
        """Start the first processes; `tell` is called from threads of this executor with the progress of tasks."""
        threads = max(1, (os.cpu_count() or 1) // workers)
        # TensorFlow reads its share where it is imported, in the child.
        self._program = ["env", f"TF_NUM_INTRAOP_THREADS={threads}"] if workers > 1 else []
        self._program += [sys.executable, "-m", "vm_worker.executors.child", entry]
        self._tell, self.workers, self._growth = tell, workers, growth
        self._closed = False
        self._pool = ThreadPoolExecutor(workers)
        self._idle: queue.Queue[Process] = queue.Queue()
        self._all: list[Process] = []
        for _ in range(workers):
            self._start()

    def submit(self, task: ExecutorTask) -> Future[Result]:
        """Submit a task to the next free process."""
        return self._pool.submit(self._run, task)

    def close(self) -> None:
        """Kill the processes. A task that has not ended fails."""
        self._closed = True
        for process in self._all:
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        process = Process(self._program, self._growth)
        self._all.append(process)
        self._idle.put(process)

    def _run(self, task: ExecutorTask) -> Result:
        process = self._idle.get()
        try:
            return process.run(task, self._tell)
        finally:
            if process.worn and not self._closed:
                process.kill()
                self._all.remove(process)
                self._start()
            else:
                self._idle.put(process)


class Process:
    """A child process that runs tasks."""

    def __init__(self, program: Sequence[str], growth: Growth) -> None:
        # The child belongs to this process's group, which is ended with the job.
        self._child = LineProcess(program)
        self._growth = growth
        self._first_held: int | None = None  # bytes that the process held after its first task
        self.worn = False  # true: the process is dead, or holds too much memory

    def run(self, task: ExecutorTask, tell: MessageSink) -> Result:
        """Wait for the task's result. Raises OutOfMemory, TaskFailed."""
        with suppress(BrokenPipeError):  # a process that died while idle is noticed below, when its other pipe ends
            self._child.send(task)
        while (message := self._child.receive()) is not None:
            if message["event"] != "tell":
                return self._value(Ending.from_json(message))
            tell(_told(message))
        self.worn = True
        status = self._child.wait()
        # The kernel ends a process with this signal when memory runs out, without a message.
        if status == -signal.SIGKILL:
            raise OutOfMemory("the process was killed, as happens when memory runs out")
        raise TaskFailed(f"the process ended with status {status}")

    def has_ended(self) -> bool:
        """Return whether the process takes no more tasks, because it ended or was killed."""
        return self._child.has_ended()

    def kill(self) -> None:
        """Kill the process, even during a task."""
        self._child.end()
        self._child.close_reading()

    def _value(self, ending: Ending) -> Result:
        """Return the task's result, and note when the process must be replaced. Raises OutOfMemory, TaskFailed."""
        self._first_held = self._first_held or ending.bytes
        self.worn = self._growth.too_much(ending.bytes, self._first_held)
        if self.worn:
            log.info("a process holds %d MB and is replaced", ending.bytes // 1024**2)
        self.worn = self.worn or ending.event == "memory"
        return ending.value()


def _told(message: JsonObject) -> JsonObject:
    """Return the progress that a message of a running task holds."""
    told = message["told"]
    if not isinstance(told, dict):
        raise TypeError("a task tells no JSON object")
    return told
