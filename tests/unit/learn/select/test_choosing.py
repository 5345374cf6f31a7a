"""Which of several earlier models is chosen: the one whose photos are most like the new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from vm_worker.learn.networks.catalogue import COMMON
from vm_worker.learn.select.choosing import Offered, compare
from vm_worker.learn.select.mean_features import MeanFeatures
from vm_worker.results.earlier import COMPARED, NOT_COMPARED, NOTHING_TO_GIVE, OfferedRow


def features(kind: int, photos: int = 500, seed: int = 0) -> MeanFeatures:
    """Mean features of photos of one kind: strong in a third of the channels, with some chance."""
    noise = np.random.default_rng(seed).uniform(0.9, 1.1, 300)
    strong = np.arange(300) // 100 == kind
    return MeanFeatures(COMMON, (noise * np.where(strong, 1.0, 0.1)).astype(np.float32), photos)


FRUIT, WASTE, BIRDS = 0, 1, 2
NEW = features(FRUIT, seed=9)
OF_WASTE, OF_FRUIT = Offered("waste", "2026-04-02", features(WASTE)), Offered("fruit", "2026-05-03", features(FRUIT))


def order(rows: Sequence[OfferedRow]) -> list[str]:
    assert sum(row.chosen for row in rows) == 1
    found = [row.job for row in sorted(rows, key=lambda row: row.rank)]
    assert next(row.job for row in rows if row.chosen) == found[0]
    return found


@pytest.mark.parametrize("offered", [(OF_WASTE, OF_FRUIT), (OF_FRUIT, OF_WASTE)])
def test_the_model_of_the_same_kind_of_photos_is_chosen_wherever_it_stands(offered: tuple[Offered, ...]) -> None:
    rows = compare(offered, NEW)
    assert [row.job for row in rows] == [one.job for one in offered]  # their places tell which was fetched to where
    assert order(rows) == ["fruit", "waste"]
    by_job = {row.job: row for row in rows}
    assert by_job["fruit"].similarity is not None and by_job["fruit"].similarity > 0.95
    assert by_job["waste"].similarity is not None and by_job["waste"].similarity < 0.5
    assert (by_job["fruit"].photos, by_job["fruit"].day) == (500, "2026-05-03")


def test_twenty_times_as_many_photos_of_another_kind_do_not_outweigh_the_same_kind() -> None:
    rows = compare(
        [replace(OF_WASTE, mean=features(WASTE, photos=2000)), replace(OF_FRUIT, mean=features(FRUIT, 100))], NEW
    )
    assert order(rows) == ["fruit", "waste"]


def test_of_two_that_are_equally_alike_the_one_that_learnt_from_more_is_chosen() -> None:
    more = Offered("more", mean=features(FRUIT, photos=900))
    assert order(compare([OF_FRUIT, more], NEW)) == ["more", "fruit"]


def test_what_cannot_be_compared_comes_later_and_what_is_lost_last() -> None:
    older, gone = Offered("older", "2026-01-01"), Offered("gone", lost="deleted")
    useless = replace(OF_FRUIT, job="useless", gives=False)
    other = Offered("other", mean=replace(features(FRUIT), network="vgg16"))
    rows = compare([gone, useless, older, other, OF_WASTE], NEW)
    assert order(rows) == ["waste", "older", "other", "useless", "gone"]
    states = {row.job: row.state for row in rows}
    assert states == {
        "gone": "deleted",
        "useless": NOTHING_TO_GIVE,
        "older": NOT_COMPARED,
        "other": NOT_COMPARED,
        "waste": COMPARED,
    }


def test_without_features_of_the_new_photos_the_first_one_that_is_there_is_chosen() -> None:
    rows = compare([Offered("gone", lost="damaged"), OF_WASTE, OF_FRUIT], None)
    assert order(rows) == ["waste", "fruit", "gone"]
    assert {row.score for row in rows} == {None}


def test_where_all_are_lost_none_is_chosen() -> None:
    assert [row.chosen for row in compare([Offered("a", lost="deleted"), Offered("b", lost="damaged")], None)] == [
        False,
        False,
    ]
