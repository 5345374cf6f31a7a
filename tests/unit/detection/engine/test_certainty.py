"""Bounds of counts hold for as many photos and sums as they promise, on made-up surveys from the air."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vm_worker.tasks.detection.engine import bounds
from vm_worker.tasks.detection.engine.bounds import Interval, Numbers
from vm_worker.tasks.detection.engine.certainty import MOST, Bounds, Certainty

REPEATS = 400
COMMON, RARE = 0, 1  # classes


def surveyed(
    random: np.random.Generator, photographs: int, tiles: int = 4, full: float = 0.67, invented: float = 0.25
) -> tuple[Numbers, Numbers, list[str]]:
    """Tiles of photographs, of which a share has herds. How well a photograph is seen differs, and marks are invented.

    Animals of the first class are many, in herds of different sizes; of the second there is one in three tiles.
    """
    photos = photographs * tiles
    herds = random.gamma(1.5, 6, photos) * (random.random(photos) < full)
    means = np.stack([herds, np.full(photos, 0.33)], axis=1)
    labelled = random.poisson(means)
    seen = np.repeat(random.beta(8, 1.2, photographs), tiles)[:, None]
    counted = random.binomial(labelled, seen) + random.poisson(invented, labelled.shape)
    return labelled, counted, [f"photograph {number // tiles}" for number in range(photos)]


def held(interval: Interval | None, number: int) -> bool | None:
    return None if interval is None else interval.low <= number <= interval.high


@pytest.mark.parametrize(("learnt", "new"), [(8, 1), (8, 40), (20, 5), (20, 60)])
def test_bounds_of_sums_hold_as_often_as_they_promise(learnt: int, new: int) -> None:
    random = np.random.default_rng(learnt * 1000 + new)
    every, rare = [], []
    for _ in range(REPEATS):
        known = Certainty.of(*surveyed(random, learnt))
        labelled, counted, _ = surveyed(random, new)
        said = known.together(counted.tolist(), 2)
        every.append(held(said.every, int(labelled.sum())))
        rare.append(held(said.classes[RARE], int(labelled[:, RARE].sum())))
    assert None not in every and 0.84 < np.mean(every) < 0.975  # type: ignore[arg-type]
    told = [one for one in rare if one is not None]  # there are 20 rare ones in most surveys of 20 photographs
    if learnt == 20:
        assert len(told) > REPEATS * 0.9 and 0.84 < np.mean(told) < 0.975
    else:
        assert len(told) < REPEATS * 0.2


def test_bounds_of_photos_hold_with_and_without_animals() -> None:
    random = np.random.default_rng(5)
    rows: dict[str, list[bool | None]] = {"some": [], "none": [], "rare": [], "common": []}
    for _ in range(60):
        known = Certainty.of(*surveyed(random, 25))
        labelled, counted, _ = surveyed(random, 10)
        for truth, count in zip(labelled.tolist(), counted.tolist(), strict=True):
            said = known.photo(count)
            rows["some" if sum(count) else "none"].append(held(said.every, sum(truth)))
            if count[RARE]:
                rows["rare"].append(held(said.classes[RARE], truth[RARE]))
            if count[COMMON]:
                rows["common"].append(held(said.classes[COMMON], truth[COMMON]))
    for name, some in rows.items():
        told = [one for one in some if one is not None]
        assert len(told) > 300 and 0.88 < np.mean(told) < 0.985, (name, np.mean(told))


def test_empty_photos_do_not_make_herds_look_sure() -> None:
    """In nine of ten photos there is nothing to see: of a tenth of wrong counts all would be those of herds."""
    random = np.random.default_rng(6)
    told = []
    for _ in range(60):
        known = Certainty.of(*_alone(surveyed(random, 50, full=0.1, invented=0.01)))
        labelled, counted, _ = _alone(surveyed(random, 50, full=0.1, invented=0.01))
        pairs = zip(labelled[:, 0].tolist(), counted[:, 0].tolist(), strict=True)
        told += [held(known.photo([count]).every, truth) for truth, count in pairs if count]
    assert len(told) > 500 and 0.87 < np.mean([one for one in told if one is not None]) < 0.985


def _alone(numbers: tuple[Numbers, Numbers, list[str]]) -> tuple[Numbers, Numbers, list[str]]:
    """The first class alone."""
    return numbers[0][:, :1], numbers[1][:, :1], numbers[2]


def test_sums_are_put_right_for_what_is_always_missed() -> None:
    labelled = np.tile([[10], [20], [30]], (10, 1))
    known = Certainty.of(labelled, labelled * 8 // 10, [str(number) for number in range(30)])
    said = known.together([[8], [16], [24]] * 20, 1).every
    assert said is not None and said.low > 960 and said.low < 1200 < said.high  # 960 are counted
    assert said.high - said.low < 100


def test_exact_counts_do_not_promise_that_all_will_be() -> None:
    same = np.full((20, 1), 5)
    known = Certainty.of(same, same, [str(number) for number in range(20)])
    assert known.photo([5]).every == Interval(5, 5, 0.9)
    said = known.together([[5]] * 300, 1).every
    assert said is not None and said.low < 1495 and said.high > 1505


def test_little_is_said_of_few() -> None:
    labelled, counted, names = surveyed(np.random.default_rng(1), 10)
    nothing = Bounds(None, (None, None))
    assert Certainty().photo([3, 0]) == Certainty().together([[3, 0]], 2) == nothing
    nine = Certainty.of(labelled[:9], counted[:9], names[:9])
    assert nine.photo([3, 0]) == nine.together([[3, 0]], 2) == nothing
    two = Certainty.of(labelled, counted, [str(number % 2) for number in range(40)])
    assert two.together([[3, 0]], 2).every is None and two.photo([3, 0]).every is not None
    rare = Certainty.of(labelled[:12], counted[:12], names[:12])
    assert labelled[:12, RARE].sum() < bounds.FEW_BOXES and rare.photo([3, 1]).classes[RARE] is None
    alone = Certainty.of(labelled[:, :1], counted[:, :1], names).photo([3])
    assert alone.classes == (alone.every,)


def test_where_hardly_any_photo_is_empty_all_tell_of_an_empty_one() -> None:
    full = np.full((30, 2), 4)
    said = Certainty.of(full + 1, full, [str(number) for number in range(30)]).photo([0, 0])
    assert said.every is not None and said.classes == (None, None)


def test_a_file_holds_a_bounded_number_of_photos_and_no_names() -> None:
    labelled, counted, names = surveyed(np.random.default_rng(2), 250)
    known = Certainty.of(labelled[:500], counted[:500], names[:500])
    joined = known.joined(Certainty.of(labelled[500:], counted[500:], names[500:]))
    assert len(known.labelled) == len(joined.counted) == len(joined.photographs) == MOST
    assert Certainty.from_json(joined.to_json()) == joined and "photograph" not in str(joined.photographs)
    assert known.photographs[0] == Certainty.of(labelled[:1], counted[:1], names[:1]).photographs[0]
    assert Certainty.from_json({"errors": [0.1]}) == Certainty()  # as an older version wrote it


@pytest.mark.parametrize("degrees", [2, 3, 4, 5, 10, 40, 400])
def test_students_t_is_near_the_exact_one(degrees: int) -> None:
    assert bounds.student(degrees) == pytest.approx(float(stats.t.ppf(0.95, degrees)), rel=0.01)
