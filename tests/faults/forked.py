"""Workers and emulators that are forked from a process which has imported what they need: tests start hundreds."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.sources import ROOT

PAUSE = 0.02  # seconds between two looks whether a process has ended, or what it says
START_SECONDS = 30.0

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    [
        "tests.faults.stub_worker",
        "tests.faults.stub",
        "vm_worker.stages.run",
        "infra.emulator.__main__",
        "tests.faults.warm",
    ]
)
_ONE = threading.Lock()  # multiprocessing looks after all its processes whenever one starts, and not from two threads


def _worker() -> int:
    from tests.faults import stub_worker  # imported already, in the process that this one was forked from

    return stub_worker.forking()


def _emulator(arguments: list[str]) -> int:
    from infra.emulator import __main__ as emulator

    return emulator.main(arguments)


class Forked:
    """A process with the part of `subprocess.Popen` that tests need: the worker of stub attempts, unless told.

    Unlike a program it calls nothing that was registered with `atexit`.
    """

    def __init__(
        self, env: Mapping[str, str], log: Path, work: Callable[[], int] = _worker, folder: Path = ROOT
    ) -> None:
        """Start it in a folder, as its children will be, with this environment; it appends what it says to the log."""
        self._process = _FORKING.Process(target=_begin, args=(work, dict(env), str(log), str(folder)))
        with _ONE:
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        with _ONE:
            return self._process.exitcode

    def wait(self, timeout: float = 600.0) -> int:
        """Return how it ended. Raises subprocess.TimeoutExpired after so many seconds."""
        end = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("a worker", timeout)
            time.sleep(PAUSE)
        return status

    def terminate(self) -> None:
        """Ask it to stop."""
        with _ONE:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        with _ONE:
            self._process.kill()


@contextmanager
def running_emulator(data: Path, key: Path, log: Path) -> Iterator[tuple[str, Forked]]:
    """An emulator on a free port, killed at the end; gives its URL."""
    log.unlink(missing_ok=True)
    arguments = ["--port", "0", "--data", str(data), "--service-account", str(key)]
    process = Forked(os.environ, log, partial(_emulator, arguments))
    try:
        end = time.monotonic() + START_SECONDS
        while not (log.exists() and (said := log.read_text()).startswith("listening on ") and said.endswith("\n")):
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(PAUSE)
        yield said.split()[2], process
    finally:
        process.kill()
        process.wait()


def _begin(work: Callable[[], int], env: Mapping[str, str], log: str, folder: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    with open(log, "ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    sys.exit(work())
