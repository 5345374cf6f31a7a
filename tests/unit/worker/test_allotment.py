"""Who gets how much of the time: plain arithmetic on a clock that stands still."""

from __future__ import annotations

import time

import pytest

from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.select.time_shares import TimeShares

LITE = CATALOGUE["efficientnet_lite0"]
HEAVY = CATALOGUE["vgg16"]
SLOW, FAST = 10.0, 1e6  # images a second


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"now": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: now["now"])
    return now


def allotment(finishing: float = 0.0, tuned: bool = True) -> TimeShares:
    """1,000 seconds for 1,000 photos."""
    return TimeShares(Budget(1000.0), 1000, tuned, lambda speed, gflops: finishing)


def test_the_first_may_take_all_but_what_its_heads_and_its_files_need(clock: dict[str, float]) -> None:
    times = allotment(finishing=200.0)
    assert times.for_first() == pytest.approx(900)
    times.begin(LITE, SLOW)
    assert times.for_first() == pytest.approx(700)


def test_without_tuning_all_the_time_is_the_candidates(clock: dict[str, float]) -> None:
    times = allotment(finishing=200.0, tuned=False)
    times.begin(LITE, SLOW)
    assert times.for_more(2, LITE, SLOW) == pytest.approx(720)


def test_a_fast_network_is_tuned_in_no_time(clock: dict[str, float]) -> None:
    times = allotment()
    times.begin(LITE, FAST)
    assert times.for_more(1, LITE, FAST) == pytest.approx(900 - 15, abs=0.1)


def test_two_are_tried_on_a_slow_machine_and_then_tuning_has_its_share(clock: dict[str, float]) -> None:
    times = allotment()
    times.begin(LITE, SLOW)
    clock["now"] = 500.0
    assert times.for_more(1, LITE, SLOW) == pytest.approx(500 * 0.3)
    assert times.for_more(2, LITE, SLOW) == 0.0  # 600 of the 1,000 seconds are tuning's


def test_files_are_those_of_the_network_that_would_be_delivered(clock: dict[str, float]) -> None:
    times = TimeShares(Budget(1000.0), 1000, False, lambda speed, gflops: 100 * gflops)
    times.begin(LITE, SLOW)
    assert times.for_more(1, LITE, SLOW) > times.for_more(1, HEAVY, SLOW) == 0.0


def test_nobody_gets_less_than_nothing(clock: dict[str, float]) -> None:
    times = allotment(finishing=200.0)
    times.begin(LITE, SLOW)
    clock["now"] = 900.0
    assert times.for_more(1, LITE, SLOW) == 0.0
