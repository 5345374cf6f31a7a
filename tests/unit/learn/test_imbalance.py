"""Classes of very unequal sizes: when every class counts alike, and what figures, intervals and ties then say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from vm_worker.learn import imbalance, statistics

LABELS = np.repeat([0, 1], [100, 10]).astype(np.int64)


@pytest.mark.parametrize(
    ("sizes", "unequal"),
    [((40, 10), False), ((41, 10), True), ((400, 12), True), ((20, 0, 20), False), ((), False)],
)
def test_more_than_four_to_one_is_unequal(sizes: tuple[int, ...], unequal: bool) -> None:
    assert imbalance.unequal(sizes) is unequal


def test_every_class_counts_alike_and_a_photo_counts_one_in_the_mean() -> None:
    weights = imbalance.weights(LABELS)
    assert weights.mean() == pytest.approx(1)
    assert weights[LABELS == 0].sum() == pytest.approx(weights[LABELS == 1].sum())
    assert imbalance.weights(LABELS, balanced=False).tolist() == [1.0] * 110


def test_the_score_is_scikit_learns() -> None:
    said = np.random.default_rng(0).integers(0, 2, 110)
    right = said == LABELS
    assert imbalance.score(right, LABELS, balanced=True) == pytest.approx(balanced_accuracy_score(LABELS, said))
    assert imbalance.score(right, LABELS, balanced=False) == right.mean()


def test_the_interval_is_as_wide_as_the_rare_class_makes_it() -> None:
    low, high = imbalance.interval(np.ones(110, bool), LABELS, balanced=True)
    assert high == 1.0 and 0.8 < low < 0.9  # Wilson's low ends are .963 and .722: the mean of 1, 1 minus half of .28
    assert imbalance.mean_interval([(1, 2), (80, 80)])[0] < 0.6
    assert imbalance.interval(np.ones(110, bool), LABELS, balanced=False) == statistics.wilson(110, 110)


def test_a_coverage_of_about_95_percent() -> None:
    random, covered = np.random.default_rng(1), 0
    for _ in range(1000):
        low, high = imbalance.mean_interval([(random.binomial(80, 0.95), 80), (random.binomial(10, 0.7), 10)])
        covered += low <= 0.825 <= high
    assert 0.92 < covered / 1000 < 0.99


def test_models_that_are_right_on_as_many_photos_differ_by_the_rare_class() -> None:
    finds = np.arange(110) >= 10  # all of the rare class, ten false alarms
    misses = np.arange(110) < 100  # nothing of the rare class
    assert imbalance.difference(finds, misses, LABELS, balanced=False) == 1.0
    assert imbalance.difference(finds, misses, LABELS, balanced=True) < 0.01
    assert imbalance.difference(finds, finds, LABELS, balanced=True) == 1.0
