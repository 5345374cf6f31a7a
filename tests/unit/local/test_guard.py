"""The guard ends whom the stack left behind, and nobody else."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from infra.local import guard

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([], set()),
        (["+10\n", "+11\n"], {10, 11}),
        (["+10\n", "+11\n", "-10\n"], {11}),  # the stack ended 10 itself
        (["+10\n", "-10\n"], set()),
    ],
)
def test_watch_knows_who_is_left(lines: list[str], left: set[int]) -> None:
    assert guard.watch(lines) == left


def test_end_kills_a_child_that_does_not_listen() -> None:
    command = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout
        child.stdout.readline()
        began = time.monotonic()
        guard.end({child.pid}, grace_seconds=0.3)
        assert child.wait(5) == -9
        assert time.monotonic() - began < 5


def test_end_of_a_process_that_is_gone_does_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as child:
        child.wait(10)
    guard.end({child.pid}, grace_seconds=0.3)
