"""Every executor gives back results, progress and errors; the local one outlives whatever its processes do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from vm_worker.executors.executor import (
    Executor,
    ExecutorTask,
    Growth,
    OutOfMemory,
    Result,
    TaskFailed,
    found,
    lacks_memory,
)
from vm_worker.executors.local import LocalExecutor
from vm_worker.executors.serial import SerialExecutor

ENTRY = "tests.unit.executors.tasks:work"
ADD: ExecutorTask = {"do": "add", "numbers": [1, 2]}

Told = list[Mapping[str, Any]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture(params=[SerialExecutor, LocalExecutor])
def executor(request: pytest.FixtureRequest, told: Told) -> Iterator[Executor]:
    made: Executor = request.param(ENTRY, told.append)
    yield made
    made.close()


@pytest.fixture
def processes(told: Told) -> Iterator[LocalExecutor]:
    made = LocalExecutor(ENTRY, told.append)
    yield made
    made.close()


def pid(result: Result) -> int:
    return int(str(result["pid"]))


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    end = time.monotonic() + 20
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_a_result_comes_back_and_progress_before_it(executor: Executor, told: Told) -> None:
    assert executor.submit(ADD).result()["sum"] == 3
    assert told == [{"adding": [1, 2]}]


def test_tasks_are_done_in_their_order(executor: Executor) -> None:
    futures = [executor.submit({"do": "add", "numbers": [number, 1]}) for number in range(5)]
    assert [future.result()["sum"] for future in futures] == [1, 2, 3, 4, 5]


def test_lack_of_memory_is_told_apart_from_other_errors(executor: Executor) -> None:
    with pytest.raises(OutOfMemory):
        executor.submit({"do": "lack"}).result()
    with pytest.raises(TaskFailed, match="nothing that is known"):
        executor.submit({"do": "what"}).result()
    assert executor.submit(ADD).result()["sum"] == 3


def test_a_process_serves_many_tasks(processes: LocalExecutor) -> None:
    pids = {processes.submit(ADD).result()["pid"] for _ in range(3)}
    assert len(pids) == 1 and pids != {os.getpid()}


@pytest.mark.parametrize(
    ("task", "error"),
    [
        ({"do": "die", "signal": int(signal.SIGKILL)}, OutOfMemory),  # as the kernel does
        ({"do": "die", "signal": int(signal.SIGSEGV)}, TaskFailed),
        ({"do": "leave"}, TaskFailed),
    ],
)
def test_a_process_that_died_is_replaced(
    task: dict[str, Any], error: type[Exception], processes: LocalExecutor
) -> None:
    with pytest.raises(error):
        processes.submit(task).result()
    assert processes.submit(ADD).result()["sum"] == 3


def test_a_process_that_grew_is_replaced(told: Told) -> None:
    processes = LocalExecutor(ENTRY, told.append, growth=Growth(slack=0))
    small = [processes.submit({"do": "leak", "megabytes": 1}).result()["pid"] for _ in range(2)]
    large = pid(processes.submit({"do": "leak", "megabytes": 200}).result())
    after = processes.submit(ADD).result()["pid"]
    assert small == [large, large] and after != large and gone(large)
    processes.close()


def test_closing_ends_a_task_in_the_middle(told: Told) -> None:
    executor = LocalExecutor(ENTRY, told.append)
    future = executor.submit({"do": "sleep"})
    while not told:
        time.sleep(0.01)
    executor.close()
    assert gone(told[0]["pid"])
    with pytest.raises((OutOfMemory, TaskFailed)):
        future.result(timeout=20)


def test_two_workers_are_two_processes(told: Told) -> None:
    executor = LocalExecutor(ENTRY, told.append, workers=2)
    sleeping = executor.submit({"do": "sleep"})
    added = executor.submit(ADD).result(timeout=30)
    assert added["sum"] == 3
    assert not sleeping.done()
    share = max(1, (os.cpu_count() or 1) // 2)
    assert f"TF_NUM_INTRAOP_THREADS={share}".encode() in Path(f"/proc/{added['pid']}/environ").read_bytes().split(b"\0")
    executor.close()


def test_a_process_ends_with_the_one_that_started_it() -> None:
    script = (
        "import sys, os, signal\n"
        "from vm_worker.executors.local import LocalExecutor\n"
        f"executor = LocalExecutor({ENTRY!r}, lambda told: print(told['pid'], flush=True))\n"
        "executor.submit({'do': 'sleep'})\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert gone(pid)


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (type("ResourceExhaustedError", (Exception,), {})("OOM"), True),  # TensorFlow's
        (RuntimeError("RESOURCE_EXHAUSTED: out of memory"), True),  # JAX's
        (ValueError("wrong shape"), False),
    ],
)
def test_errors_that_mean_a_lack_of_memory(error: Exception, lacks: bool) -> None:
    assert lacks_memory(error) is lacks


@pytest.mark.parametrize("entry", ["nothing.such:work", "tests.unit.executors.tasks:nothing", "tests"])
def test_an_entry_that_names_nothing_is_an_error(entry: str) -> None:
    with pytest.raises((ImportError, AttributeError, ValueError)):
        found(entry)
