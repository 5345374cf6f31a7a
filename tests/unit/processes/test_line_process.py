"""A child that talks JSON lines may answer, end, write nonsense or go on writing; its parent bears it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.workers import runs
from vm_worker.processes.line_process import LineProcess, Start, parsed

ECHO = """
import os, sys
reading, writing = (int(number) for number in sys.argv[-2:])
with os.fdopen(reading, "rb") as lines, os.fdopen(writing, "wb", buffering=0) as answers:
    for line in lines:
        answers.write(line)
"""
SAY = """
import os, sys, time
os.write(int(sys.argv[-1]), eval(sys.argv[1]))
time.sleep(60)
"""
PARENT_OF_A_SLEEPER = """
import os, subprocess, sys, time
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=True)
os.write(int(sys.argv[-1]), b'{"pid": %d}\\n' % left.pid)
time.sleep(60)
"""
Starter = Callable[..., LineProcess]


@pytest.fixture
def start() -> Iterator[Starter]:
    made: list[LineProcess] = []

    def begin(script: str, *arguments: str, how: Start = Start()) -> LineProcess:  # noqa: B008 (frozen)
        made.append(LineProcess([sys.executable, "-c", script, *arguments], how))
        return made[-1]

    yield begin
    for process in made:
        process.end()
        process.close_reading()


def gone(pid: int) -> bool:
    end = time.monotonic() + 20
    while runs(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not runs(pid)


def test_each_line_is_answered_and_no_more_lines_are_its_end(start: Starter) -> None:
    child = start(ECHO)
    for message in ({"word": "ü"}, {"rows": list(range(100_000))}):  # longer than what a pipe holds
        sender = threading.Thread(target=child.send, args=(message,))
        sender.start()
        assert child.receive() == message
        sender.join()
    assert child.finish(20) == 0
    with pytest.raises(BrokenPipeError):
        child.send({})
    assert child.receive() is None


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\n",
        b"[1]\n",  # JSON, but no object
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_line_that_is_no_json_object_is_an_error(said: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(said)


def test_a_line_cut_short_is_the_end(start: Starter) -> None:
    child = start(SAY, repr(b'{"a": 1}'))
    threading.Timer(0.5, child.end).start()
    assert child.receive() is None


def test_a_line_that_is_too_long_is_the_end_and_is_not_read_further(start: Starter) -> None:
    child = start(SAY, repr(b'{"a": "' + b"x" * 200 + b'"}\n'), how=Start(line_max=100))
    assert child.receive() is None


def test_a_child_in_a_group_of_its_own_ends_with_its_children(start: Starter) -> None:
    child = start(PARENT_OF_A_SLEEPER, how=Start(own_group=True))
    message = child.receive()
    assert message is not None and not child.has_ended()
    assert child.end() == -signal.SIGKILL and child.has_ended()
    assert gone(int(str(message["pid"])))
    assert child.end() == -signal.SIGKILL  # again, and no error


def test_a_child_that_ended_by_itself_keeps_its_status(start: Starter) -> None:
    child = start("raise SystemExit(3)")
    while not child.has_ended():
        time.sleep(0.01)
    assert os.path.exists(f"/proc/{child.pid}")  # not waited for: its number is still its own
    assert (child.end(), child.wait()) == (3, 3)


def test_one_that_does_not_end_is_ended_after_a_while(start: Starter) -> None:
    child = start("import time; time.sleep(60)")
    assert child.finish(0.3) == -signal.SIGKILL
