"""The child's side: the link to the parent, and the settings that every child process of a job makes at its start."""

from __future__ import annotations

import json
import logging
import os
import queue
import resource
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from jobs.json_values import JsonObject
from vm_worker.processes.line_process import parsed


class ParentLink:
    """A link of two pipes to the parent.

    Messages wait until `receive` is called; the parent's end is noticed at once.
    """

    def __init__(self, reading: IO[bytes], writing: IO[bytes], at_end: Callable[[], None]) -> None:
        """Keep the pipes; `at_end` is called in a new thread when the parent has ended or sends nothing more."""
        self._writing = writing
        self._messages: queue.Queue[JsonObject] = queue.Queue()
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, args=(reading, at_end), daemon=True).start()

    def send(self, message: JsonObject) -> None:
        """Write one line. Any thread may call this."""
        with self._lock:
            self._writing.write(json.dumps(message).encode() + b"\n")
            self._writing.flush()

    def receive(self) -> JsonObject:
        """Wait for the parent's next message."""
        return self._messages.get()

    def _listen(self, reading: IO[bytes], at_end: Callable[[], None]) -> None:
        for line in reading:
            self._messages.put(parsed(line))
        at_end()


def begin_child(oom_score: int) -> None:
    """Set up a child process: log lines with times, its order when memory runs out, no core files."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    # Their messages advise on retracing and file formats, which nobody can act on here.
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    give_way(oom_score)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write photos into a core file


def give_way(oom_score: int) -> None:
    """Let the kernel end this process before those with a lower score (-1000..1000) when memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(oom_score), encoding="ascii")


def opened(reading: str, writing: str) -> tuple[IO[bytes], IO[bytes]]:
    """Open the two pipes whose numbers are the last arguments of a child's command: one to read, one to write."""
    return os.fdopen(int(reading), "rb"), os.fdopen(int(writing), "wb")
