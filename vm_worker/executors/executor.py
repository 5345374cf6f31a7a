"""The executor: it takes a task as plain JSON values and returns a result as plain JSON values.

An entry, "package.module:function", names the function that does the work. This function takes a task and a function to
report progress. Files lie in a folder that both sides see; task and result hold their names.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from jobs.json_values import JsonObject

ExecutorTask = JsonObject
Result = JsonObject
MessageSink = Callable[[JsonObject], None]
Work = Callable[[ExecutorTask, MessageSink], Result]


class OutOfMemory(Exception):
    """The error of a task that needs more memory than there is. A smaller task may succeed."""


class TaskFailed(Exception):
    """The error of a task that raised an error or whose process died. The next task may succeed."""


class Executor(Protocol):
    """A runner of tasks. With one worker, tasks run in the order in which they were submitted."""

    workers: int  # number of tasks that run at the same time

    def submit(self, task: ExecutorTask) -> Future[Result]:
        """Submit a task. The future's `result()` raises OutOfMemory or TaskFailed."""
        ...

    def close(self) -> None:
        """End every process that this executor started."""
        ...


@dataclass(frozen=True)
class Growth:
    """The limit of a process's memory, beyond which another process takes its place."""

    times: float = 1.5  # multiple of the bytes after the first task: allocators keep some of the memory that was freed
    slack: int = 512 * 1024**2  # bytes in addition

    def too_much(self, held: int, first: int) -> bool:
        """Return whether a process is replaced that holds `held` bytes now, and held `first` after its first task."""
        return held > self.times * first + self.slack


GROWTH = Growth()


def found(entry: str) -> Work:
    """Return the function that an entry names. Raises ImportError, AttributeError, ValueError for an invalid name."""
    module, name = entry.split(":")
    work: Work = getattr(import_module(module), name)
    return work


def lacks_memory(error: BaseException) -> bool:
    """Return whether the error means lack of memory: MemoryError, or the errors of TensorFlow and JAX.

    These libraries are not imported here, so their errors are recognised by name.
    """
    return isinstance(error, MemoryError) or any(
        name in f"{type(error).__name__} {error}" for name in ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OutOfMemory")
    )
