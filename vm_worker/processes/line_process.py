"""The parent's side: a child process that is sent JSON objects and sends others back, each on a line of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from jobs.json_values import JsonObject

UNBOUNDED = -1
PIECE = 64 * 1024  # bytes that are read at a time where nobody wants them


@dataclass(frozen=True)
class Start:
    """How a child is started, besides its command."""

    standard: bool = False  # it talks by standard input and output; else by the two pipes that its arguments name
    own_group: bool = False  # a process group of its own, so that its own children end with it
    log: IO[bytes] | None = None  # where its output goes; its parent's output where there is none
    line_max: int = UNBOUNDED  # bytes of a line: a runaway child must not fill the parent's memory


PLAIN = Start()


class LineProcess:
    """One child and two pipes. The child must end by itself when its pipe from the parent ends."""

    def __init__(self, command: Sequence[str], start: Start = PLAIN) -> None:
        """Start it. Unless it talks by standard input and output, the numbers of its pipes follow the command."""
        self._start = start
        reading, child_writing = os.pipe()
        child_reading, writing = os.pipe()
        pipes = (child_reading, child_writing)
        self._process = subprocess.Popen(  # noqa: S603 (our own programs, our own interpreter)
            [*command] if start.standard else [*command, *map(str, pipes)],
            stdin=child_reading if start.standard else subprocess.DEVNULL,
            stdout=child_writing if start.standard else start.log,
            stderr=start.log,
            pass_fds=() if start.standard else pipes,
            start_new_session=start.own_group,
        )
        for descriptor in pipes:
            os.close(descriptor)
        self._writing = os.fdopen(writing, "wb", buffering=0)
        self._reading = os.fdopen(reading, "rb")
        self._ending = threading.Lock()

    @property
    def pid(self) -> int:
        """The child's number; another process may have it once the child was waited for."""
        return self._process.pid

    def send(self, message: JsonObject) -> None:
        """Write one line. Raises BrokenPipeError when the child has ended or was ended here."""
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:  # a signal may cut a long write short
                data = data[self._writing.write(data) :]
        except ValueError as error:  # closed by another thread
            raise BrokenPipeError("the child was ended") from error

    def receive(self) -> JsonObject | None:
        """Wait for one line of the child; None at its end, which a line cut short or too long is as well.

        Raises ValueError for a line that is no JSON object.
        """
        try:
            line = self._reading.readline(self._start.line_max)
        except ValueError:  # closed by another thread
            return None
        return parsed(line) if line.endswith(b"\n") else None

    def close_reading(self) -> None:
        """Listen no more: a child that goes on to write gets an error."""
        self._reading.close()

    def has_ended(self) -> bool:
        """Whether the child has ended. It is not waited for, so that its number, and its group's, stays its own."""
        with self._ending:
            if self._process.returncode is not None:
                return True
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> int:
        """The exit status of a child that ends by itself."""
        return self._process.wait()

    def end(self) -> int:
        """Kill the child, with its group if it has its own; the exit status (negative: killed by that signal).

        Any thread may call, any number of times.
        """
        with self._ending:
            if self._process.returncode is None:  # not waited for: its number is no other process's yet
                with suppress(ProcessLookupError):
                    (os.killpg if self._start.own_group else os.kill)(self.pid, signal.SIGKILL)
            self._writing.close()
            return self._process.wait()

    def finish(self, seconds: float) -> int:
        """Send nothing more and wait for the child's end, which comes by force after so long; the exit status."""
        watch = threading.Timer(seconds, self.end)
        watch.start()
        try:
            self._writing.close()
            while self._reading.read(PIECE):
                pass  # a full pipe must not hold the child up
            while not self.has_ended():
                watch.finished.wait(0.01)
        finally:
            watch.cancel()
        status = self.end()
        self.close_reading()
        return status


def parsed(line: bytes) -> JsonObject:
    """The JSON object on a line. Raises ValueError where there is none."""
    try:
        message = json.loads(line)
    except RecursionError as error:
        raise ValueError("too deep a line") from error
    if not isinstance(message, dict):
        raise ValueError("a line that is no JSON object")
    return message
