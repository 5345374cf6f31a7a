"""Heads on features that no good set of photos has: all figures are finite, and few photos prove nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import head_validation
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.imbalance import unequal
from vm_worker.learn.judge.findings import make_findings

LAST, WIDTH = 8, 20  # columns of the last map, and of all


def signals(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.eye(len(np.unique(labels)), WIDTH)[labels]


def noise(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(0, 1, (len(labels), WIDTH))


def last_is_constant(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(np.arange(WIDTH) < LAST, 1.0, noise(labels) + 3 * labels[:, None])


ODD = [
    pytest.param((8, 8), lambda labels: np.ones((len(labels), WIDTH)), id="all photos the same"),
    pytest.param((8, 8, 8), signals, id="all photos of a class the same"),
    pytest.param((8, 8), lambda labels: 1e-6 * noise(labels), id="hardly any difference"),
    pytest.param((8, 8), lambda labels: 6e4 * np.tanh(9 * noise(labels)), id="as large as half precision holds"),
    pytest.param((9, 9), last_is_constant, id="the last map never changes"),
    pytest.param((50, 3, 4), lambda labels: signals(labels) + noise(labels), id="one huge class"),
    pytest.param((2,) * 8, lambda labels: signals(labels) + noise(labels), id="many classes of two"),
]


def table(counts: Sequence[int], features: NDArray[np.float64]) -> FeatureTable:
    """One quarter of each class, and one photo at least, is for validation."""
    labels = np.repeat(np.arange(len(counts)), counts)
    later = np.concatenate([np.arange(count) >= count - max(1, count // 4) for count in counts])
    order = np.argsort(later, kind="stable")
    kept = features[order].astype(np.float16)
    return FeatureTable(kept, labels[order], np.arange(len(labels)), int(np.sum(~later)), LAST)


@pytest.mark.parametrize(("counts", "features"), ODD)
def test_odd_features_give_a_head_and_honest_figures(counts: tuple[int, ...], features: object) -> None:
    assert callable(features)
    odd = table(counts, features(np.repeat(np.arange(len(counts)), counts)))
    settings = HeadSettings(len(counts), 8, 0, balanced=unequal(np.array(counts)))
    result = head_validation.validate(odd, settings)
    head = head_validation.refit(odd, settings, result)
    found = make_findings(odd, settings, result, Budget.of(100))
    low, high = result.interval
    assert 0 <= low <= result.score <= high <= 1 and result.judged.all() and np.isfinite(result.loss)
    assert np.isfinite(head.probabilities(odd.taken(odd.everything))).all()
    assert np.isfinite(head_validation.unseen(odd, settings, result)).all()
    # So few photos cannot show that more of them would not help.
    assert found.learning_curve is not None and found.learning_curve.verdict != "hardly"
