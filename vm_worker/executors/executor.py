"""What an executor is: a task in plain JSON values goes in, a result in plain JSON values comes out.

The function that does the work is named by an entry, "package.module:function"; it takes a task and a function to
tell of progress. Files lie in a folder that both sides see, and are named in task and result.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from jobs.json_values import JsonObject

Task = JsonObject
Result = JsonObject
Tell = Callable[[JsonObject], None]
Work = Callable[[Task, Tell], Result]


class OutOfMemory(Exception):
    """The task needs more memory than there is. A smaller one may do."""


class TaskFailed(Exception):
    """The task raised an error or its process died; the next task may well succeed."""


class Executor(Protocol):
    """Runs tasks, in the order in which they come where it has one worker."""

    workers: int  # tasks at a time

    def submit(self, task: Task) -> Future[Result]:
        """Begin a task; its result comes later. The future's `result()` raises OutOfMemory or TaskFailed."""
        ...

    def close(self) -> None:
        """End every process that it started."""
        ...


@dataclass(frozen=True)
class Growth:
    """How much memory a process may come to hold before another takes its place."""

    times: float = 1.5  # what it held after its first task: allocators keep some of what was freed
    slack: int = 512 * 1024**2  # bytes besides

    def too_much(self, held: int, first: int) -> bool:
        """Whether a process that holds so many bytes now, and held so many after its first task, is replaced."""
        return held > self.times * first + self.slack


GROWTH = Growth()


def found(entry: str) -> Work:
    """The function that an entry names. Raises ImportError, AttributeError, ValueError for a name that is none."""
    module, name = entry.split(":")
    work: Work = getattr(import_module(module), name)
    return work


def lacks_memory(error: BaseException) -> bool:
    """MemoryError, or what TensorFlow and JAX raise in its place (neither is imported here)."""
    return isinstance(error, MemoryError) or any(
        name in f"{type(error).__name__} {error}" for name in ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OutOfMemory")
    )
