"""The parent's side: a child process that exchanges JSON objects with its parent, each on its own line."""

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
PIECE = 64 * 1024  # bytes that are read at a time when the data is thrown away


@dataclass(frozen=True)
class Start:
    """The settings with which a child is started, besides its command."""

    standard: bool = False  # true: it uses standard input and output; else the two pipes that its arguments name
    own_group: bool = False  # true: it gets its own process group, so that its own children end with it
    log: IO[bytes] | None = None  # the file for its output; None: the output of its parent
    line_max: int = UNBOUNDED  # the longest line in bytes: a faulty child must not fill the parent's memory


PLAIN = Start()


class LineProcess:
    """A child process with two pipes. The child must end by itself when its pipe from the parent ends."""

    def __init__(self, command: Sequence[str], start: Start = PLAIN) -> None:
        """Start the child. The numbers of its pipes follow the command, unless it uses standard input and output."""
        self._start = start
        reading, child_writing = os.pipe()
        child_reading, writing = os.pipe()
        pipes = (child_reading, child_writing)
        self._process = self._begun([*command] if start.standard else [*command, *map(str, pipes)], pipes)
        for descriptor in pipes:
            os.close(descriptor)
        self._writing = os.fdopen(writing, "wb", buffering=0)
        self._reading = os.fdopen(reading, "rb")
        self._ending = threading.Lock()

    def _begun(self, command: Sequence[str], pipes: tuple[int, int]) -> subprocess.Popen[bytes]:
        """Start the command; `pipes` are the child's ends: to read from, and to write to."""
        standard, log = self._start.standard, self._start.log
        return subprocess.Popen(  # noqa: S603 (our own programs, our own interpreter)
            command,
            stdin=pipes[0] if standard else subprocess.DEVNULL,
            stdout=pipes[1] if standard else log,
            stderr=log,
            pass_fds=() if standard else pipes,
            start_new_session=self._start.own_group,
        )

    @property
    def pid(self) -> int:
        """The child's process ID. Another process may have it once the child was waited for."""
        return self._process.pid

    def send(self, message: JsonObject) -> None:
        """Write one line. Raises BrokenPipeError when the child has ended or was ended here."""
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:  # a signal may interrupt a long write
                data = data[self._writing.write(data) :]
        except ValueError as error:  # another thread has closed it
            raise BrokenPipeError("the child was ended") from error

    def receive(self) -> JsonObject | None:
        """Wait for a line of the child; return None at its end, or for a line that is cut short or too long.

        Raises ValueError for a line that is no JSON object.
        """
        try:
            line = self._reading.readline(self._start.line_max)
        except ValueError:  # another thread has closed it
            return None
        return parsed(line) if line.endswith(b"\n") else None

    def close_reading(self) -> None:
        """Stop reading. A child that writes afterwards gets an error."""
        self._reading.close()

    def has_ended(self) -> bool:
        """Return whether the child has ended, without waiting for it.

        Its process ID and that of its group therefore stay its own.
        """
        with self._ending:
            if self._process.returncode is not None:
                return True
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> int:
        """Wait for a child that ends by itself; return its exit status."""
        return self._process.wait()

    def end(self) -> int:
        """Kill the child, and its group if it has its own; return the exit status (negative: killed by that signal).

        Any thread may call this, any number of times.
        """
        with self._ending:
            if self._process.returncode is None:  # not waited for yet: no other process can have its ID
                with suppress(ProcessLookupError):
                    (os.killpg if self._start.own_group else os.kill)(self.pid, signal.SIGKILL)
            self._writing.close()
            return self._process.wait()

    def finish(self, seconds: float) -> int:
        """Close the pipe to the child and wait for its end; return the exit status.

        After `seconds` the child is killed.
        """
        watch = threading.Timer(seconds, self.end)
        watch.start()
        try:
            self._writing.close()
            while self._reading.read(PIECE):
                pass  # a full pipe must not delay the child
            while not self.has_ended():
                watch.finished.wait(0.01)
        finally:
            watch.cancel()
        status = self.end()
        self.close_reading()
        return status


def parsed(line: bytes) -> JsonObject:
    """Return the JSON object on a line. Raises ValueError when there is none."""
    try:
        message = json.loads(line)
    except RecursionError as error:
        raise ValueError("too deep a line") from error
    if not isinstance(message, dict):
        raise ValueError("a line that is no JSON object")
    return message
