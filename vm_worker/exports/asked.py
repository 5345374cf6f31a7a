"""A child process that answers questions, each a JSON object on a line. A question may crash it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from jobs.json_values import JsonObject
from vm_worker.processes.line_process import LineProcess, Start

END_SECONDS = 10.0  # seconds until a process is killed that gets no more questions


class Asked:
    """A process that answers questions. It starts at once."""

    def __init__(self, command: Sequence[str], end_seconds: float = END_SECONDS) -> None:
        self._child = LineProcess(command, Start(standard=True))
        self._end_seconds = end_seconds
        self.late = False

    def ask(self, question: JsonObject, seconds: float) -> JsonObject | None:
        """Return the answer, or None when the process died or was killed because it took longer than `seconds`."""
        watch = threading.Timer(max(0.0, seconds), self._expire)
        watch.start()
        try:
            self._child.send(question)
            return self._child.receive()
        except BrokenPipeError:
            return None
        finally:
            watch.cancel()

    def close(self) -> int:
        """Let the process end, or kill it after END_SECONDS; return its exit status."""
        return self._child.finish(self._end_seconds)

    def _expire(self) -> None:
        self.late = True
        self._child.end()
