"""A process of ours that takes lines of JSON and answers each with one, as often as it is asked. It may die of it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

END_SECONDS = 10.0  # for a process that is asked nothing more


class Asked:
    """Started at once."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        self.late = False

    def ask(self, question: Mapping[str, Any], seconds: float) -> Mapping[str, Any] | None:
        """The answer; None: it died of the question, or is `late` and was killed."""
        assert self._process.stdin and self._process.stdout  # noqa: S101  (pipes, as told above)
        watch = threading.Timer(max(0.0, seconds), self._expire)
        watch.start()
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            return None
        finally:
            watch.cancel()
        answer: Mapping[str, Any] | None = json.loads(line) if line.endswith("\n") else None
        return answer

    def close(self) -> int:
        """Its exit status: it ends when nothing more is asked."""
        try:
            self._process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        return self._process.returncode

    def _expire(self) -> None:
        self.late = True
        self._process.kill()
