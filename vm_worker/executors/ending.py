"""The ending of a task, which the process that ran it sends to the executor."""

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
    """The result of a task or its error, and the memory that its process holds afterwards."""

    event: Literal["result", "memory", "error"]
    bytes: int  # memory of the process in bytes
    result: JsonObject | None = only_if_known()
    message: str | None = only_if_known()  # message of the error

    @classmethod
    def with_result(cls, result: Result) -> Ending:
        """Return the ending of a task that succeeded in this process."""
        return cls("result", held(), result=result)

    @classmethod
    def with_error(cls, error: BaseException) -> Ending:
        """Return the ending of a task that raised an error in this process. Lack of memory is marked as such."""
        event: Literal["memory", "error"] = "memory" if lacks_memory(error) else "error"
        return cls(event, held(), message=f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE])

    def value(self) -> Result:
        """Return the result. Raises OutOfMemory, TaskFailed."""
        if self.event == "memory":
            raise OutOfMemory(self.message)
        if self.event == "error":
            raise TaskFailed(self.message)
        return self.result or {}


def held() -> int:
    """Return the bytes of this process's own memory.

    Pages of mapped files do not count, as the kernel can take them back at any time.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
