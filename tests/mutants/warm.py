"""A process that has imported everything foreign that tests need, and forks to run some of them: they start at once.

Asked by a line of JSON on its standard input, it answers by one on its standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

OWN = frozenset(("function", "infra", "jobs", "templates", "tests", "vm_worker", "conftest", "modelmail_emulator"))
THREADED = frozenset(("tensorflow", "keras", "jax", "openvino", "grpc"))  # they start threads, which no fork survives
PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "-n", "0")


@dataclass(frozen=True)
class End:
    """How a run of pytest ended."""

    status: int | None  # the exit status; None: it took too long
    failed: str = ""  # the first test that failed, if any did


class Warm:
    """The process, as its owner sees it. Two threads must not ask at once."""

    def __init__(self, tree: Path, env: Mapping[str, str], options: Sequence[str], folders: Sequence[str]) -> None:
        command = [sys.executable, "-m", "tests.mutants.warm", json.dumps([*PYTEST, *options]), *folders]
        self._process = subprocess.Popen(
            command, cwd=tree, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, tests: Sequence[str], seconds: float) -> End:
        """Run these tests for so many seconds at most, until the first that fails."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([list(tests), seconds]) + "\n")
        self._process.stdin.flush()
        return End(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def main(options: Sequence[str], folders: Sequence[str]) -> None:
    """Serve until the standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    for name in _foreign(options, folders):
        with suppress(Exception):
            importlib.import_module(name)
    for line in sys.stdin:
        tests, seconds = json.loads(line)
        print(json.dumps(_run([*options, *tests], seconds)), file=answers, flush=True)


def _foreign(options: Sequence[str], folders: Sequence[str]) -> Sequence[str]:
    """The modules that the tests of these folders import from elsewhere, in the order in which they are imported."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        pytest.main([*options, "--collect-only", *folders])
        names = [name for name in list(sys.modules) if name.partition(".")[0] not in OWN | THREADED]
        with os.fdopen(writing, "w") as file:
            json.dump(names, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        found: list[str] = json.load(file)
    os.wait()
    return found


class _FirstFailure:
    """A pytest plugin that writes the first test that fails to a file."""

    def __init__(self, file: int) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure of the test itself, or of its fixtures."""
        if report.failed:
            os.write(self._file, f"{report.nodeid}\n".encode())


def _run(arguments: Sequence[str], seconds: float) -> tuple[int | None, str]:
    """Run pytest in a child that leads a group of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        status = 70
        try:
            status = int(pytest.main(list(arguments), plugins=[_FirstFailure(writing)]))
        finally:
            os._exit(status)
    os.close(writing)
    ended = _ended(child, seconds)
    with os.fdopen(reading) as file:
        return ended, file.readline().strip()


def _ended(child: int, seconds: float) -> int | None:
    """Wait for a child; nothing that it started lives on."""
    end = time.monotonic() + seconds
    status = None
    while time.monotonic() < end:
        found, raw = os.waitpid(child, os.WNOHANG)
        if found:
            status = os.waitstatus_to_exitcode(raw)
            break
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return status


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
