"""An earlier model among the candidates: when the others need not be tried, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.learn.select.test_pairs import LABELS, ROWS, knowing
from tests.unit.learn.select.test_pairs import candidate as without_head
from vm_worker.learn.arrays import Flags, Floats
from vm_worker.learn.heads.forms import Part
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.latency.measurement import LatencyCache
from vm_worker.learn.select import earlier
from vm_worker.learn.select.earlier import NO_NEED, TRIED_BEFORE, EarlierNetworks
from vm_worker.learn.select.ranking import Candidate, ranked, reason, winner
from vm_worker.results.exported import Latency, ThreadLatency

KEY = "base_efficientnet_lite0"
UNSEEN: Flags = np.arange(ROWS) % 2 == 0
NOTHING = np.zeros((1, 3), np.float32)
HEAD = Head(NOTHING[0, :1], NOTHING[0, :1] + 1, NOTHING, NOTHING[0])


def candidate(key: str, logits: Floats) -> Candidate:
    """A pretrained network, which has a head."""
    made = without_head(key, logits)
    return replace(made, result=replace(made.result, parts=(Part(0.1, 2),)))


def before(signal: float, seed: int = 0) -> Candidate:
    """The earlier network, judged on half of the photos."""
    made = candidate(KEY, knowing(signal, seed))
    result = replace(made.result, judged=UNSEEN, right=made.result.right & UNSEEN)
    return replace(made, result=replace(result, untouched=knowing(1.0, 5), anew=knowing(2.0, 6)))


def networks(tuned: bool, heads: bool = True) -> EarlierNetworks:
    return EarlierNetworks((KEY,), {}, {KEY: HEAD} if heads else {}, UNSEEN, tuned)


@pytest.mark.parametrize(
    ("tuned", "heads", "other", "expected"),
    [
        (False, True, None, TRIED_BEFORE),
        (False, False, None, ""),
        (True, True, None, ""),  # what it is compared with has not been tried
        (True, True, 1.0, NO_NEED),
        (True, True, 9.0, ""),
        (True, False, 1.0, NO_NEED),
    ],
)
def test_other_networks_are_tried_unless_the_earlier_one_surely_does_better(
    tuned: bool, heads: bool, other: float | None, expected: str
) -> None:
    tried = [before(4.0)] + ([] if other is None else [candidate("efficientnet_lite0", knowing(other, 1))])
    assert networks(tuned, heads).unneeded(tried) == expected
    assert networks(tuned, heads).unneeded(tried[1:]) == ""


def test_all_ways_are_compared_on_what_the_earlier_model_has_not_learnt_from() -> None:
    base, imagenet = before(4.0), candidate("efficientnet_lite2", knowing(2.0, 1))
    told = earlier.compared([imagenet, base], base, None, tuned=False)
    assert told is not None and told.helped
    assert [row.way for row in told.rows] == ["earlier", "untouched", "imagenet"]
    assert told.photos == int(UNSEEN.sum())
    figures = {row.way: row.score for row in told.rows}
    for way, logits in (("earlier", knowing(4.0, 0)), ("untouched", knowing(1.0, 5)), ("imagenet", knowing(2.0, 1))):
        assert figures[way] == round(float((logits.argmax(1) == LABELS)[UNSEEN].mean()), 5)
    assert told.p is not None and told.p < 0.05


def test_without_another_network_new_heads_are_the_start_from_imagenet() -> None:
    base = before(4.0)
    told = earlier.compared([base], base, None, tuned=False)
    assert told is not None
    assert [row.way for row in told.rows] == ["earlier", "untouched", "imagenet"]
    assert told.rows[2].score == round(float((knowing(2.0, 6).argmax(1) == LABELS)[UNSEEN].mean()), 5)
    assert told.rows[2].seconds is None


def test_a_new_head_on_a_tuned_network_is_no_start_from_imagenet() -> None:
    base = before(4.0)
    told = earlier.compared([base], base, None, tuned=True)
    assert told is not None and told.p is None
    assert [row.way for row in told.rows] == ["earlier", "untouched"]


def test_what_it_learnt_from_does_not_choose_it() -> None:
    """It knows by heart what it learnt from, and is worse on everything else."""
    base, imagenet = before(1.0), candidate("efficientnet_lite0", knowing(3.0, 1))
    learnt = replace(base, result=replace(base.result, right=base.result.right | ~UNSEEN))
    assert winner([learnt, imagenet], "accuracy") is imagenet
    assert ranked([learnt, imagenet])[0] is imagenet
    assert "photos alone that it had not learnt from" in reason([learnt, imagenet], "accuracy")
    told = earlier.compared([learnt, imagenet], imagenet, None, tuned=True)
    assert told is not None and not told.helped


def test_nothing_is_said_where_no_earlier_network_was_judged() -> None:
    one = candidate("efficientnet_lite0", knowing(3.0, 1))
    assert earlier.compared([one], one, None, tuned=True) is None


def test_a_network_from_scratch_is_a_way_of_its_own() -> None:
    base, imagenet = before(4.0), candidate("efficientnet_lite2", knowing(2.0, 1))
    scratch = without_head("mobilenet", knowing(0.5, 2))
    judged = np.arange(ROWS) % 4 == 0
    scratch = replace(scratch, result=replace(scratch.result, judged=judged))
    told = earlier.compared([base, imagenet, scratch], base, None, tuned=False)
    assert told is not None
    assert [row.way for row in told.rows] == ["earlier", "untouched", "imagenet", "scratch"]
    assert told.photos == int((judged & UNSEEN).sum())


def test_it_is_as_fast_as_the_catalogues_network(tmp_path: Path) -> None:
    figures = Latency(3, 1000, ThreadLatency(1, 2.0, 2.0, 2.0), ThreadLatency(2, 1.0, 1.0, 1.0))
    cache = LatencyCache(tmp_path)
    cache.put("efficientnet_lite0", figures)
    found = cache.get(KEY)
    assert found is not None and found.one == figures.one
