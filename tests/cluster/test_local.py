"""A Ray of this machine's own: it listens on the loopback interface alone, and ends with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workers import children_of, runs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# 127.0.0.1, the same as an IPv6 address, and ::1, as the kernel writes them.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}

SCRIPT = """
import sys
from vm_worker.executors.ray import RayExecutor
from vm_worker.spec import Cluster
executor = RayExecutor("tests.cluster.tasks:work", print, Cluster("local", workers=1, cpus=0.5))
print("sum", executor.submit({"do": "add", "numbers": [1, 2]}).result(120)["sum"], flush=True)
sys.stdin.readline()
executor.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def family(pid: int) -> list[int]:
    """All that it has started, and they."""
    return [one for child in children_of(pid) for one in (child, *family(child))]


def listening(pids: list[int]) -> set[str]:
    """The addresses of their open TCP ports, in hexadecimal."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listeners = {f"socket:[{row[9]}]": row[1].partition(":")[0] for row in rows if row[3] == "0A"}
    files = [file for pid in pids for file in Path(f"/proc/{pid}/fd").glob("*")]
    return {listeners[link] for file in files if (link := _link(file)) in listeners}


def _link(file: Path) -> str:
    try:
        return os.readlink(file)
    except OSError:
        return ""


def gone(pids: list[int]) -> bool:
    end = time.monotonic() + 60
    while any(runs(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.2)
    return not any(runs(pid) for pid in pids)


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_a_ray_of_ones_own_ends_with_its_job(how: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    # A group of its own, as an attempt has.
    with subprocess.Popen([sys.executable, "-c", SCRIPT], text=True, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        lines = iter(process.stdout.readline, "")
        assert next(line for line in lines if line.startswith("sum")) == "sum 3\n"
        started = family(process.pid)
        assert len(started) > 2
        if how == "closed":
            process.stdin.write("\n")
            process.stdin.flush()
            assert next(line for line in lines if line.startswith("closed"))
        else:
            os.killpg(process.pid, signal.SIGKILL)  # as the worker does to an attempt
        left = [Path(f"/proc/{pid}/cmdline").read_text()[:80] for pid in started if not gone([pid])]
        assert left == []
        process.kill()


def test_nobody_else_can_reach_it() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", SCRIPT], text=True, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        next(line for line in iter(process.stdout.readline, "") if line.startswith("sum"))
        found = listening([process.pid, *family(process.pid)])
        process.kill()
    assert found <= LOOPBACK
