"""A guard process that ends the stack's children when the stack ends in any way.

It runs as `python -m infra.local.guard`, in a session of its own. The stack writes `+<pid>` for each child that it
starts and `-<pid>` for each that it has ended. The pipe closes when the stack ends, even by `kill -9`; then the guard
ends the remaining children. This works on every system with pipes, unlike Linux's PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 5.0  # seconds between SIGTERM and SIGKILL


def watch(lines: Iterable[str]) -> set[int]:
    """Read until the pipe ends; return the children that remain then."""
    alive: set[int] = set()
    for line in lines:
        sign, pid = line[0], int(line[1:])
        if sign == "+":
            alive.add(pid)
        else:
            alive.discard(pid)
    return alive


def end(children: Iterable[int], grace_seconds: float = GRACE_SECONDS) -> None:
    """Send SIGTERM to each child's process group, then SIGKILL to those that have not ended."""
    left = [pid for pid in children if _signal(pid, signal.SIGTERM)]
    deadline = time.monotonic() + grace_seconds
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = [pid for pid in left if _signal(pid, 0)]
    for pid in left:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> bool:
    """Send a signal to a process group; return whether it exists."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """Watch standard input, then end the remaining children."""
    end(watch(sys.stdin))


if __name__ == "__main__":
    main()
