"""The port: a task in plain JSON values goes in, a result in plain JSON values comes out.

What does the work is named by an entry, "package.module:function", that takes a task and a function to
tell of progress. Files lie in a folder that both sides see, and are named in task and result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib import import_module
from typing import Any, Protocol

Task = Mapping[str, Any]
Result = Mapping[str, Any]
Tell = Callable[[Mapping[str, Any]], None]
Work = Callable[[Task, Tell], Result]


class OutOfMemory(Exception):
    """The task needs more memory than there is. A smaller one may do."""


class TaskFailed(Exception):
    """The task raised an error or its process died; the next task may well succeed."""


class Executor(Protocol):
    """Runs tasks, in the order in which they come where it has one worker."""

    workers: int  # tasks at a time

    def submit(self, task: Task) -> Future[Result]:
        """The result, later. Its `result()` raises OutOfMemory or TaskFailed."""
        ...

    def close(self) -> None:
        """End every process that it started."""
        ...


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
