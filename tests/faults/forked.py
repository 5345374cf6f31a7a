"""Workers that are forked from a process which has imported what they need: the fault tests start hundreds."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.sources import ROOT

PAUSE = 0.02  # seconds between two looks whether a worker has ended

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.faults.stub_worker"])
_ONE = threading.Lock()  # multiprocessing looks after all its processes whenever one starts, and not from two threads


class Forked:
    """A worker whose attempts are the stub's, with the part of `subprocess.Popen` that tests need.

    Unlike a program it calls nothing that was registered with `atexit`.
    """

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        """Start it with this environment; it appends what it says to the log."""
        self._process = _FORKING.Process(target=_work, args=(dict(env), str(log)))
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


def _work(env: Mapping[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    with open(log, "ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    from tests.faults import stub_worker  # imported already, in the process that this one was forked from

    sys.exit(stub_worker.main())
