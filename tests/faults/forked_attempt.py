"""Attempts that are forked from their worker, which has imported what they need: tests start hundreds.

All else is as in an attempt that is started as a program: pipes, group, log, its order when memory runs out.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from typing import IO, NoReturn, cast

from vm_worker import attempt
from vm_worker.processes.line_process import LineProcess


class ForkedProcess(LineProcess):
    """A child of which only the start is another: it goes on from here, as an attempt."""

    def _begun(self, command: Sequence[str], pipes: tuple[int, int]) -> subprocess.Popen[bytes]:
        assert self._start.own_group and self._start.log is not None
        pid = os.fork()
        if pid == 0:
            _become(command[2:], pipes, self._start.log)
        return cast("subprocess.Popen[bytes]", _Child(pid))


class _Child:
    """The part of `subprocess.Popen` that a LineProcess needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def _become(arguments: Sequence[str], pipes: tuple[int, int], log: IO[bytes]) -> NoReturn:
    """Be what `python -m` with these arguments would be. Threads of the worker are not in a fork."""
    try:
        os.setsid()
        _keep_only(pipes, log)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        logging.getLogger().handlers.clear()
        sys.argv, sys.modules["__main__"] = list(arguments), attempt
        attempt.main()
    except BaseException:  # as the interpreter does at the end of a program
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _keep_only(pipes: tuple[int, int], log: IO[bytes]) -> None:
    """Let go of the worker's files, sockets, locks and pipes.

    None is closed: an object of the worker's that is collected later would close its number, another file by then.
    """
    gc.freeze()
    for descriptor in (1, 2):
        os.dup2(log.fileno(), descriptor)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in (*pipes, nothing):
            os.dup2(nothing, descriptor, inheritable=False)
