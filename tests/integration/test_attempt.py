"""The real child process: what it says of a bad dataset, how it dies, and that it never outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from jobs.limits import Limits
from jobs.options import Options
from tests.workers import runs
from vm_worker.attempt import Attempt, AttemptPolicy
from vm_worker.events import Answer, Ended, Event, Failed, ProgressEvent, Rejected
from vm_worker.spec import Done, Spec

PATIENCE = 60.0  # seconds

E = TypeVar("E", bound=Event | Ended)


def spec(folder: Path, dataset: bytes = b"no zip at all") -> Spec:
    path = folder / "dataset.zip"
    path.write_bytes(dataset)
    return Spec("abcdefgh", path, folder / "artifacts", Options(), Limits(), 120.0, "2026-01-01", "2026-01-01")


def next_of(attempt: Attempt, kind: type[E]) -> E:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        event = attempt.next_event(1.0)
        if isinstance(event, kind):
            return event
        assert not isinstance(event, Ended), "the child ended first"
    raise AssertionError(f"no {kind.__name__} in time")


def next_message(attempt: Attempt, start: str) -> str:
    """The rest of the next message of progress that starts so."""
    while not (message := next_of(attempt, ProgressEvent).message).startswith(start):
        pass
    return message.removeprefix(start)


def until_gone(pid: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not runs(pid):
            return
        time.sleep(0.1)
    raise AssertionError("the child lives on")


def test_the_child_rejects_a_bad_dataset_with_its_code(tmp_path: Path) -> None:
    began = time.monotonic()
    attempt = Attempt(spec(tmp_path), tmp_path)
    counted = Spec.load(tmp_path / "spec.json").counted
    assert counted is not None and began <= counted <= time.monotonic()  # its start is a part of its budget
    assert next_of(attempt, Rejected).code == "not_a_zip"
    next_of(attempt, Ended)
    assert attempt.wait() == 1


def test_an_error_of_ours_is_told_and_its_trace_kept_in_the_log(tmp_path: Path) -> None:
    broken = spec(tmp_path)
    (tmp_path / "dataset.zip").unlink()
    (tmp_path / "dataset.zip").mkdir()  # a folder where the file should be, but empty of everything
    (tmp_path / "artifacts").write_text("in the way")
    attempt = Attempt(broken, tmp_path)
    assert "FileExistsError" in next_of(attempt, Failed).message
    next_of(attempt, Ended)
    assert attempt.wait() == 1
    assert "Traceback" in (tmp_path / "attempt.log").read_text()


def test_a_killed_child_ends_its_events_and_has_the_signals_status(tmp_path: Path) -> None:
    attempt = Attempt(spec(tmp_path), tmp_path)
    os.kill(attempt.pid, signal.SIGKILL)
    next_of(attempt, Ended)
    attempt.answer(Answer(go="intake"))  # too late, and no error
    assert attempt.wait() == -signal.SIGKILL


def test_what_a_dead_child_left_running_ends_with_it(tmp_path: Path) -> None:
    attempt = Attempt(replace(spec(tmp_path), stages="tests.integration.leaver"), tmp_path)
    left = int(next_message(attempt, "left "))
    next_of(attempt, Ended)
    assert attempt.wait() == -signal.SIGSEGV
    until_gone(left)
    assert attempt.stop() == -signal.SIGSEGV  # again, and no error


def test_memory_that_runs_out_is_the_attempts_end_and_not_the_workers(tmp_path: Path) -> None:
    attempt = Attempt(spec(tmp_path), tmp_path)
    next_of(attempt, Rejected)  # it has said so of itself by now, and its number is its own until it is reaped
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert int(Path(f"/proc/{attempt.pid}/oom_score_adj").read_text()) > own
    attempt.stop()


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\n",
        pytest.param(b"[1, 2]\n", marks=pytest.mark.slow),
        pytest.param(b'{"event": "magic"}\n', marks=pytest.mark.slow),
        pytest.param(b'{"event": "stage", "stage": "intake"}\n', marks=pytest.mark.slow),  # known, and incomplete
        b'{"event": "failed", "message": "' + b"x" * 2000 + b'"}\n',  # longer than is read
    ],
)
def test_a_child_that_writes_what_is_no_event_ends_and_harms_nobody(tmp_path: Path, said: bytes) -> None:
    babbler = replace(spec(tmp_path, said), stages="tests.integration.babbler")
    attempt = Attempt(babbler, tmp_path, AttemptPolicy(line_max=1000))
    while not isinstance(event := attempt.next_event(PATIENCE), Ended):
        assert isinstance(event, ProgressEvent) and event.message != "more"  # nothing is read after it
    assert attempt.wait() == 1  # its next event met a closed pipe
    assert "BrokenPipeError" in (tmp_path / "attempt.log").read_text()


PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.integration.test_attempt import spec
from tests.workers import runs
from vm_worker.attempt import Attempt
attempt = Attempt(spec(Path(sys.argv[1])), Path(sys.argv[1]))
print(attempt.pid, flush=True)
time.sleep(60)
"""


def test_a_child_does_not_outlive_its_parent(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", PARENT, str(tmp_path), root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    until_gone(pid)


def test_a_spec_survives_its_file(tmp_path: Path) -> None:
    one = spec(tmp_path)
    committed = {"done": {"intake": Done({"n": 1}, 2.5)}, "trials": {"ab" * 20: Done({"loss": 0.1}, 1.5)}}
    full = Spec(**{**vars(one), **committed, "stages": "another.table"})
    full.save(tmp_path / "spec.json")
    assert Spec.load(tmp_path / "spec.json") == full
