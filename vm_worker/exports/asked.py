"""A child process that answers questions, each with one line of JSON. A question may kill it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from jobs.json_values import JsonObject
from vm_worker.processes.line_process import LineProcess, Start

END_SECONDS = 10.0  # for a process that is asked nothing more


class Asked:
    """One process that is asked questions, started at once."""

    def __init__(self, command: Sequence[str], end_seconds: float = END_SECONDS) -> None:
        self._child = LineProcess(command, Start(standard=True))
        self._end_seconds = end_seconds
        self.late = False

    def ask(self, question: JsonObject, seconds: float) -> JsonObject | None:
        """The answer; None when the process died of the question, or is `late` and was killed."""
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
        """The exit status of the process: it ends when nothing more is asked, or is killed after a while."""
        return self._child.finish(self._end_seconds)

    def _expire(self) -> None:
        self.late = True
        self._child.end()
