"""Pairs: taken where the mean of two heads has a lower cross-entropy and is not surely right less often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vm_worker.learn.arrays import Floats
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import History
from vm_worker.learn.networks import catalogue
from vm_worker.learn.select import pairs
from vm_worker.learn.select.ranking import Candidate

ROWS, CLASSES = 120, 3
LABELS = np.arange(ROWS, dtype=np.int64) % CLASSES
CURVE = History(*np.zeros((4, 2)))


def candidate(key: str, logits: Floats) -> Candidate:
    right = logits.argmax(1) == LABELS
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    loss = float(-np.log(chances[np.arange(ROWS), LABELS]).mean())
    result = HeadResult(right, np.ones(ROWS, bool), LABELS, loss, 0.1, 2, CURVE, logits=logits)
    nothing = FeatureTable(np.zeros((ROWS, 1), np.float32), LABELS, np.arange(ROWS), ROWS)
    return Candidate(catalogue.find(key), nothing, result, 1.0, 100.0, partial=False)


def knowing(signal: float, seed: int) -> Floats:
    noise = np.random.default_rng(seed).normal(0, 2, (ROWS, CLASSES))
    return (noise + signal * np.eye(CLASSES)[LABELS]).astype(np.float32)


WINNER = candidate("efficientnet_lite0", knowing(3.0, 0))
EQUAL = candidate("efficientnet_lite2", knowing(3.0, 1))
WORSE = candidate("mobilenet", knowing(0.5, 2))


def test_errors_that_do_not_agree_cancel_out() -> None:
    found = pairs.best(WINNER, [WINNER, WORSE, EQUAL], lambda partner: True)
    assert found is not None and found.partner is EQUAL
    assert found.loss < WINNER.result.loss and found.score > WINNER.result.score
    logits = (knowing(3.0, 0) + knowing(3.0, 1)) / 2
    np.testing.assert_allclose(found.logits, logits, atol=1e-6)
    np.testing.assert_array_equal(found.right, logits.argmax(1) == LABELS)
    assert found.probabilities.shape == (ROWS, CLASSES) and found.accuracy == found.score


@pytest.mark.parametrize(
    "partner",
    [
        candidate("mobilenet", -knowing(6.0, 3)),  # wrong nearly always
        replace(EQUAL, partial=True),
        replace(EQUAL, result=replace(EQUAL.result, logits=None)),
        replace(EQUAL, result=replace(EQUAL.result, judged=LABELS > 0)),  # judged on other photos
    ],
    ids=["worse", "partial", "no logits", "other photos"],
)
def test_no_pair_is_taken_where_it_does_not_help_or_cannot_be_judged(partner: Candidate) -> None:
    assert pairs.best(WINNER, [WINNER, partner], lambda partner: True) is None


def test_no_pair_is_taken_where_the_winner_is_always_right() -> None:
    sure, surer = (candidate(key, knowing(20.0, seed)) for seed, key in enumerate(("efficientnet_lite0", "mobilenet")))
    assert sure.result.right.all() and surer.result.right.all()
    assert pairs.best(sure, [sure, surer], lambda partner: True) is None


def test_no_pair_is_taken_for_which_there_is_no_time() -> None:
    assert pairs.best(WINNER, [WINNER, EQUAL], lambda partner: False) is None


def test_a_lower_loss_does_not_make_up_for_surely_fewer_right_answers() -> None:
    # The winner is right throughout but for a few photos of which it is sure and wrong; the other knows these alone.
    sure = 8 * np.eye(CLASSES, dtype=np.float32)[LABELS]
    wrong = np.roll(sure, 1, axis=1)
    few = np.arange(ROWS) < 12
    winner = candidate("efficientnet_lite0", np.where(few[:, None], 4 * wrong, sure / 20))
    other = candidate("mobilenet", np.where(few[:, None], -3.9 * wrong, wrong / 10))
    found = (winner.result.logits + other.result.logits) / 2  # type: ignore[operator]
    assert (found.argmax(1) == LABELS).mean() < 0.2 < winner.result.score
    assert pairs.best(winner, [winner, other], lambda partner: True) is None


def test_two_networks_take_as_long_as_both() -> None:
    assert pairs.together(100.0, 50.0) == pytest.approx(100 / 3)
    row = catalogue.joined(catalogue.find("efficientnet_lite0_288"), catalogue.find("efficientnet_lite2"))
    assert (row.size, row.features, row.licence) == (288, 2560, "Apache-2.0")
    assert row.title == "EfficientNet-Lite0 at 288 pixels and EfficientNet-Lite2"
