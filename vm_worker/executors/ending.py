"""How a task has ended, as the process that did it tells the executor."""

from __future__ import annotations

import resource
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jobs.json_values import JsonObject
from vm_worker.as_json import AsJson, only_if_known
from vm_worker.executors.executor import OutOfMemory, Result, TaskFailed, lacks_memory

LONGEST_MESSAGE = 500  # characters


@dataclass(frozen=True)
class Ending(AsJson):
    """A task's result or its error, and the memory that its process holds then."""

    event: Literal["result", "memory", "error"]
    bytes: int  # of memory
    result: JsonObject | None = only_if_known()
    message: str | None = only_if_known()  # of an error

    @classmethod
    def with_result(cls, result: Result) -> Ending:
        """The ending of a task that succeeded in this process."""
        return cls("result", held(), result=result)

    @classmethod
    def with_error(cls, error: BaseException) -> Ending:
        """The ending of a task that raised an error in this process: a lack of memory is told apart from all others."""
        event: Literal["memory", "error"] = "memory" if lacks_memory(error) else "error"
        return cls(event, held(), message=f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE])

    def value(self) -> Result:
        """The result. Raises OutOfMemory, TaskFailed."""
        if self.event == "memory":
            raise OutOfMemory(self.message)
        if self.event == "error":
            raise TaskFailed(self.message)
        return self.result or {}


def held() -> int:
    """Bytes of memory of its own: pages of mapped files, which the system takes back as it likes, do not count."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
