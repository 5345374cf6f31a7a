"""How crowded the processors are, by counts that are given."""

from __future__ import annotations

import time

import pytest

from vm_worker.learn.crowding import Crowding, counts


def test_a_thread_that_waits_as_long_as_it_runs_takes_twice_its_time() -> None:
    told = iter([(10.0, 3.0), (12.0, 5.0), (12.1, 9.0), (14.0, 5.0)])
    crowd = Crowding(lambda: next(told))
    assert crowd.factor() == pytest.approx(2.0)
    assert crowd.factor() == pytest.approx(2.0)  # it has hardly run since
    assert crowd.factor() == pytest.approx(1.0)  # of the time since the first answer it has waited for nothing


def test_where_nothing_is_counted_no_crowd_is_assumed() -> None:
    assert Crowding(lambda: (0.0, 0.0)).factor() == 1.0


def test_counts_grow_or_are_unknown() -> None:
    before, end = counts(), time.thread_time() + 1.0
    while counts()[0] == before[0] and time.thread_time() < end:  # some systems count at each tick of their clock alone
        sum(range(10_000))
    assert counts()[0] > before[0] or before == (0.0, 0.0)
