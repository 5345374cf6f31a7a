"""The shares of the time: arithmetic on a clock that stands still."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.catalogue import CATALOGUE, LARGER, find
from vm_worker.learn.select.quote import MeasuredSpeed, relative_cost
from vm_worker.learn.select.time_shares import TimeShares, by_gain

LITE = CATALOGUE["efficientnet_lite0"]
HEAVY = CATALOGUE["vgg16"]
SLOW, FAST = 10.0, 1e6  # images a second


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"now": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: now["now"])
    return now


def shares(finishing: float = 0.0, tuned: bool = True) -> TimeShares:
    """Return the shares of 1,000 seconds for 1,000 photos; the work after tuning takes `finishing` seconds."""
    return TimeShares(Budget(1000.0), 1000, tuned, lambda speed, gflops: finishing)


def test_the_first_candidate_gets_all_the_time_but_that_of_heads_and_files(clock: dict[str, float]) -> None:
    times = shares(finishing=200.0)
    assert times.for_first() == pytest.approx(900)
    assert times.with_speed(LITE, SLOW).for_first() == pytest.approx(700)


def test_what_an_earlier_model_is_compared_with_comes_before_tuning_pairs_and_formats(clock: dict[str, float]) -> None:
    times = replace(shares(finishing=900.0), least_finishing=lambda speed, gflops: 50.0, pair_seconds=15.0)
    times = times.with_speed(LITE, SLOW)
    clock["now"] = 300.0
    assert times.for_more(1, LITE, SLOW, heads=100.0) == 0.0
    assert times.for_compared(heads=100.0) == pytest.approx(700 - 50 - 4 * 100)
    assert times.for_compared(heads=10.0) == pytest.approx(0.9 * (700 - 50) - 30)
    clock["now"] = 900.0
    assert times.for_compared(heads=100.0) == 0.0


def test_without_tuning_the_candidates_get_all_the_time(clock: dict[str, float]) -> None:
    times = shares(finishing=200.0, tuned=False).with_speed(LITE, SLOW)
    assert times.for_more(2, LITE, SLOW) == pytest.approx(720)


def test_a_fast_network_needs_little_time_for_tuning(clock: dict[str, float]) -> None:
    times = shares().with_speed(LITE, FAST)
    assert times.for_more(1, LITE, FAST) == pytest.approx(900 - 15, abs=0.1)


def test_tuning_gets_its_share_after_two_candidates_on_a_slow_machine(clock: dict[str, float]) -> None:
    times = shares().with_speed(LITE, SLOW)
    clock["now"] = 500.0
    assert times.for_more(1, LITE, SLOW) == pytest.approx(500 * 0.3)
    assert times.for_more(2, LITE, SLOW) == 0.0  # 600 of the 1,000 seconds are kept for tuning


def test_the_time_for_files_is_that_of_the_best_network(clock: dict[str, float]) -> None:
    times = TimeShares(Budget(1000.0), 1000, False, lambda speed, gflops: 100 * gflops).with_speed(LITE, SLOW)
    assert times.for_more(1, LITE, SLOW) > times.for_more(1, HEAVY, SLOW) == 0.0


def test_no_share_is_negative(clock: dict[str, float]) -> None:
    times = shares(finishing=200.0).with_speed(LITE, SLOW)
    clock["now"] = 900.0
    assert times.for_more(1, LITE, SLOW) == 0.0


def test_heads_that_took_long_before_and_a_crowd_leave_less_for_features(clock: dict[str, float]) -> None:
    times = shares().with_speed(LITE, FAST)
    assert times.for_more(1, LITE, FAST, heads=50.0) == pytest.approx(900 - 15 - 3 * 50, abs=0.1)
    assert times.for_more(1, LITE, FAST, heads=200.0) == pytest.approx(800 - 15 - 3 * 200, abs=0.1)
    crowded = replace(times, slowness=lambda: 10.0)
    assert crowded.for_more(1, LITE, FAST) == pytest.approx(900 - 150, abs=0.1)


def test_where_pairs_are_allowed_two_candidates_come_before_tuning_and_of_few_photos_three_and_views(
    clock: dict[str, float],
) -> None:
    times = replace(shares(finishing=100.0), pair_seconds=15.0).with_speed(LITE, SLOW)
    assert times.for_more(1, LITE, SLOW) == pytest.approx(0.9 * (1000 - 100 - 15))
    assert times.for_more(2, LITE, SLOW) == pytest.approx(0.9 * 885 - 900 * 0.6)  # a third one does not
    few = replace(times, photos=999)
    assert few.for_more(2, LITE, SLOW) == pytest.approx(0.9 * 885)
    assert few.for_more(3, LITE, SLOW) == pytest.approx(0.9 * 885 - 900 * 0.6)
    assert replace(few, views_seconds=85.0).for_more(2, LITE, SLOW) == pytest.approx(0.9 * 800)
    assert times.for_more(1, LITE, SLOW, heads=150.0) == pytest.approx(1000 - 100 - 15 - 4 * 150)
    clock["now"] = 950.0
    assert times.for_more(1, LITE, SLOW) == 0.0


def test_tuning_that_would_get_too_little_leaves_its_time_to_a_candidate(clock: dict[str, float]) -> None:
    times = shares().with_speed(LITE, 4.0)  # tuning wants 2,265 seconds; 600 are less than a third of it
    assert times.for_more(2, LITE, 4.0) == pytest.approx(900)
    faster = shares().with_speed(LITE, SLOW)  # 915 seconds are wanted; of the 600 that it may have 270 are left
    clock["now"] = 700.0
    assert faster.for_more(2, LITE, SLOW) == pytest.approx(270)


def test_a_network_whose_files_take_long_gets_no_time_of_tuning_that_a_cheaper_one_does_not(
    clock: dict[str, float],
) -> None:
    times = TimeShares(Budget(1000.0), 1000, True, lambda speed, gflops: 300 / speed, pair_seconds=15.0)
    times = times.with_speed(LITE, SLOW)
    clock["now"] = 550.0
    for key in ("efficientnet_lite0", "mobilenet_v2", "densenet121", "resnet50_v2"):
        assert times.for_more(2, LITE, SLOW, following=CATALOGUE[key]) == 0.0


def test_the_files_of_a_pair_take_as_long_as_its_two_networks(clock: dict[str, float]) -> None:
    times = TimeShares(Budget(1000.0), 1000, True, lambda speed, gflops: 1000 / speed, pair_seconds=15.0)
    times = times.with_speed(LITE, 10.0)
    assert times.for_more(1, LITE, 10.0, following=LITE) == pytest.approx(0.9 * (1000 - 200 - 15))
    heavy = 1000 / 10 * (1 + relative_cost(HEAVY, LITE))
    assert times.for_more(1, LITE, 10.0, following=HEAVY) == pytest.approx(max(0.0, 0.9 * (1000 - heavy - 15)))


def test_the_first_candidate_comes_before_formats_that_can_be_made_later(clock: dict[str, float]) -> None:
    times = replace(shares(finishing=200.0), least_finishing=lambda speed, gflops: 50.0).with_speed(LITE, SLOW)
    assert times.for_first() == pytest.approx(900 - 50)
    assert times.selection_and_tuning == pytest.approx(800)


@pytest.mark.parametrize(
    ("seconds", "first"),
    [
        (30.0, "efficientnet_lite0"),  # nothing more fits
        (50.0, "efficientnet_lite0_288"),  # it fits alone; a dearer one does not
        (95.0, "efficientnet_lite2"),
        (150.0, "efficientnet_lite0"),  # a second one may follow, and join a pair
    ],
)
def test_where_one_candidate_fits_it_is_the_one_that_gains_most(
    clock: dict[str, float], seconds: float, first: str
) -> None:
    rows = [LITE, LARGER["efficientnet_lite0_288"], CATALOGUE["efficientnet_lite2"]]
    times = TimeShares(Budget(seconds), 1000, True, lambda speed, gflops: 300 / speed, pair_seconds=15.0)
    assert by_gain(rows, MeasuredSpeed(LITE, 60.0, 40.0, 3.0), times)[0].key == first


@pytest.mark.parametrize(
    ("seconds", "second"),
    [
        (150.0, "efficientnet_lite0_288"),  # the largest one takes too long
        (400.0, "xception"),
    ],
)
def test_the_second_candidate_is_the_one_that_gains_most_of_those_that_fit(
    clock: dict[str, float], seconds: float, second: str
) -> None:
    keys = ("efficientnet_lite0_288", "mobilenet", "xception", "vgg16")
    rows = [LITE, *(find(key) for key in keys)]
    times = TimeShares(Budget(seconds), 1000, True, lambda speed, gflops: 300 / speed, pair_seconds=15.0)
    order = by_gain(rows, MeasuredSpeed(LITE, 60.0, 40.0, 3.0), times)
    assert [row.key for row in order[:2]] == ["efficientnet_lite0", second]
    assert order[-1].key == "vgg16" and sorted(order, key=rows.index) == rows
