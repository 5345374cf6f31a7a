"""The pool of decoding processes: none is blamed for what happened while it was idle, and no photo is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jobs.limits import Limits
from tests.unit.intake.crafted import photo
from vm_worker.intake.decoder import DecodeTask, Reply
from vm_worker.intake.extents import DamagedEntry, Extent
from vm_worker.intake.pool import Bounds, Decoders


@dataclass(frozen=True)
class _Slow(Extent):
    """An extent that takes a while to be read."""

    seconds: float = 0.3

    def read(self) -> bytes:
        time.sleep(self.seconds)
        raise DamagedEntry("is slow")


@pytest.fixture
def tasks(tmp_path: Path) -> Sequence[DecodeTask]:
    """Five photos, all different."""
    made = []
    for number in range(5):
        path = tmp_path / str(number)
        path.write_bytes(photo(number))
        made.append(DecodeTask(Extent(str(path), 0, len(photo(number)), len(photo(number))), (), 10**6))
    return made


def told(pool: Decoders, tasks: Sequence[DecodeTask]) -> dict[int, Reply]:
    replies = list(pool.run(tasks))
    assert len(replies) == len(tasks)
    return dict(replies)


def test_each_photo_has_its_own_reply(decoders: Decoders, tasks: Sequence[DecodeTask]) -> None:
    first, again = told(decoders, tasks), told(decoders, tasks[::-1])
    assert [first[number] for number in range(5)] == [again[4 - number] for number in range(5)]
    assert len({reply.content for reply in first.values()}) == 5
    assert len(decoders._processes) == 1  # as many as were asked for
    assert list(decoders.run([])) == []
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())  # Ctrl-C is heard here


def test_time_in_which_a_process_is_idle_is_no_photos(decoders: Decoders, tasks: Sequence[DecodeTask]) -> None:
    told(decoders, tasks[:1])
    with pytest.MonkeyPatch.context() as patch:
        now = time.monotonic
        patch.setattr(time, "monotonic", lambda: now() + 1000)
        assert {reply.reason for reply in told(decoders, tasks).values()} == {None}


def test_a_process_that_dies_while_it_is_idle_costs_no_photo(decoders: Decoders, tasks: Sequence[DecodeTask]) -> None:
    told(decoders, tasks[:1])
    (before,) = decoders._processes
    before._process.kill()
    before._process.join()
    assert {reply.reason for reply in told(decoders, tasks).values()} == {None}
    (after,) = decoders._processes
    assert after is not before and before.connection.closed
    with pytest.raises(ValueError, match="closed"):
        before._process.is_alive()


def test_a_run_that_is_given_up_is_over(decoders: Decoders, tasks: Sequence[DecodeTask]) -> None:
    slow = replace(tasks[0], extent=_Slow("nowhere", 0, 0, 0))
    run = decoders.run([tasks[1], slow, tasks[2], tasks[3]])
    assert next(run)[0] == 0
    run.close()  # type: ignore[attr-defined]
    assert decoders._processes == []  # what they still hold is not heard later
    assert {reply.reason for reply in told(decoders, tasks).values()} == {None}


def test_bounds_are_those_of_an_installation() -> None:
    limits = replace(Limits(), image_memory_bytes=7, image_seconds=8)
    assert Bounds.of(limits) == Bounds(memory_bytes=7, image_seconds=8, start_seconds=120)
    assert Bounds() == Bounds(Limits.image_memory_bytes, Limits.image_seconds)


def test_there_is_one_process_at_least() -> None:
    with Decoders(0) as pool:
        assert pool._most == 1
        assert pool._processes == []  # none is started before there are photos
