"""A process that is asked may answer, die, or say nothing."""

from __future__ import annotations

import sys
import time

from vm_worker.exports.asked import Asked

ECHO = """
import json, os, sys, time
for line in sys.stdin:
    word = json.loads(line)["word"]
    if word == "die":
        os._exit(3)
    if word == "half":
        print('{"wor', end="", flush=True)
        os._exit(4)
    if word == "hang":
        time.sleep(60)
    print(json.dumps({"word": word}), flush=True)
"""
SULK = "import sys, time; sys.stdin.read(); time.sleep(60)"


def echo() -> Asked:
    return Asked([sys.executable, "-c", ECHO])


def test_it_answers_each_question_and_ends_when_nothing_more_is_asked() -> None:
    process = echo()
    assert [process.ask({"word": word}, 60) for word in ("a", "ü")] == [{"word": "a"}, {"word": "ü"}]
    assert (process.close(), process.late) == (0, False)


def test_one_that_dies_says_nothing_more() -> None:
    process = echo()
    assert process.ask({"word": "die"}, 60) is None
    assert process.ask({"word": "a"}, 60) is None
    assert (process.close(), process.late) == (3, False)


def test_half_an_answer_is_none() -> None:
    process = echo()
    assert process.ask({"word": "half"}, 60) is None
    assert process.close() == 4


def test_one_that_takes_too_long_is_killed() -> None:
    process, began = echo(), time.monotonic()
    assert process.ask({"word": "hang"}, 0.5) is None
    assert process.late and time.monotonic() - began < 30
    assert process.close() == -9


def test_one_that_does_not_end_is_ended() -> None:
    assert Asked([sys.executable, "-c", SULK], end_seconds=0.5).close() == -9
