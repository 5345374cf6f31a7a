"""The stack's child processes: each is started in its own process group, watched, and ended by its process ID."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

READY_SECONDS = 60.0  # enough for a start from a slow disk
GRACE_SECONDS = 10.0  # enough for a worker to give its job back


class StackError(Exception):
    """The error of a part of the local stack that did not start, or that stopped."""


@dataclass(frozen=True)
class Child:
    """A running program and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise StackError, with the end of the log, when the program has ended."""
        code = self.process.poll()
        if code is not None:
            raise StackError(f"The {self.name} stopped with exit status {code}. Its log is {self.log}:\n{self._tail()}")

    def wait_ready(self, is_ready: Callable[[], bool]) -> None:
        """Wait until the program answers. Raises StackError when it stops, or does not answer in a minute."""
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(
                    f"The {self.name} did not answer in {READY_SECONDS:.0f} s. Its log is {self.log}:\n{self._tail()}"
                )
            time.sleep(0.05)
        self.check()  # another program may have answered on its port

    def end(self) -> None:
        """Ask the program to stop, then kill its whole process group."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


class Children:
    """The programs that the stack has started, each with a log file. They are ended in reverse order of their start."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[Child] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Children:
        # -P: modules are not imported from the user's current folder.
        self._guard = subprocess.Popen(
            [sys.executable, "-P", "-m", "infra.local.guard"], stdin=subprocess.PIPE, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._running:
            child = self._running.pop()
            child.end()
            self._tell(f"-{child.process.pid}")
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()
            self._guard.wait()

    def start(self, name: str, arguments: Sequence[str], env: Mapping[str, str]) -> Child:
        """Start `python -m <arguments>` with its output in `<logs>/<name>.log`."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = self._spawn(arguments, env, output)
        child = Child(name, process, log)
        self._running.append(child)
        self._tell(f"+{process.pid}")
        return child

    def check(self) -> None:
        """Raise StackError when a program has stopped."""
        for child in self._running:
            child.check()

    @staticmethod
    def _spawn(arguments: Sequence[str], env: Mapping[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  our own programs, no shell
            [sys.executable, "-P", "-m", *arguments],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C goes to the stack alone, which ends its children in order
        )

    def _tell(self, line: str) -> None:
        if self._guard and self._guard.stdin:
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()
