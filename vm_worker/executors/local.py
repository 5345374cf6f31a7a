"""Runs tasks in processes of this machine, which are replaced when they die or their memory grows.

A process is kept from task to task: importing TensorFlow costs 4 to 8 seconds, building and tracing a
network some more. One process is the default: training uses all cores by itself.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from vm_worker.executors.executor import OutOfMemory, Result, Task, TaskFailed, Tell

GROWTH = 1.5  # times what a process held after its first task, and
SLACK = 512 * 1024**2  # bytes besides: then it is replaced. Allocators keep some of what was freed

log = logging.getLogger(__name__)


class LocalExecutor:
    """Worker processes; the first ones start at once, so that their imports run beside the caller's work."""

    def __init__(self, entry: str, tell: Tell, workers: int = 1) -> None:
        """`tell` is called from threads of this executor, with what tasks tell."""
        self._entry, self._tell, self.workers = entry, tell, workers
        self._closed = False
        self._pool = ThreadPoolExecutor(workers)
        self._idle: queue.Queue[Process] = queue.Queue()
        self._all: list[Process] = []
        for _ in range(workers):
            self._start()

    def submit(self, task: Task) -> Future[Result]:
        """In the next free process."""
        return self._pool.submit(self._run, task)

    def close(self) -> None:
        """Kill what runs. A task that has not ended fails."""
        self._closed = True
        for process in self._all:
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        process = Process(self._entry)
        self._all.append(process)
        self._idle.put(process)

    def _run(self, task: Task) -> Result:
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
    """One worker process and its two pipes."""

    def __init__(self, entry: str) -> None:
        results, child_results = os.pipe()
        child_tasks, tasks = os.pipe()
        # In this process's group, which is what ends with the job.
        self._process = subprocess.Popen(  # noqa: S603 (our own module, our own interpreter)
            [sys.executable, "-m", "vm_worker.executors.child", entry, str(child_tasks), str(child_results)],
            stdin=subprocess.DEVNULL,
            pass_fds=(child_tasks, child_results),
        )
        os.close(child_tasks)
        os.close(child_results)
        self._tasks = os.fdopen(tasks, "wb", buffering=0)
        self._results = os.fdopen(results, "rb")
        self._held: int | None = None  # bytes after its first task
        self.worn = False  # dead, or grown too much

    def run(self, task: Task, tell: Tell) -> Result:
        """Wait for the task's result. Raises OutOfMemory, TaskFailed."""
        with suppress(BrokenPipeError):  # it died while idle: the end of its other pipe says so
            self._tasks.write(json.dumps(task).encode() + b"\n")
        for line in self._results:
            message = json.loads(line)
            if message["event"] != "tell":
                return self._ended(message)
            tell(message["told"])
        self.worn = True
        status = self._process.wait()
        # The kernel ends what it has no memory for by this signal, without a word.
        if status == -signal.SIGKILL:
            raise OutOfMemory("the process was killed, as happens when memory runs out")
        raise TaskFailed(f"the process ended with status {status}")

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._tasks, self._results):
            with suppress(OSError, ValueError):
                pipe.close()

    def _ended(self, message: Mapping[str, Any]) -> Result:
        self._held = self._held or message["bytes"]
        self.worn = message["bytes"] > GROWTH * self._held + SLACK
        if self.worn:
            log.info("a process holds %d MB and is replaced", message["bytes"] // 1024**2)
        if message["event"] == "memory":
            self.worn = True
            raise OutOfMemory(message["message"])
        if message["event"] == "error":
            raise TaskFailed(message["message"])
        result: Result = message["result"]
        return result
