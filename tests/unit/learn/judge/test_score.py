"""The score of trials, which does not depend on their calibration."""

from __future__ import annotations

import numpy as np
import pytest

from vm_worker.learn.judge.calibration import scaled
from vm_worker.learn.judge.scores import Score, score

LABELS = np.arange(300) % 3
RANDOM = np.random.default_rng(0)
# Calibrated probabilities: the true classes are drawn from them.
PROBABILITIES = RANDOM.dirichlet([0.4] * 3, 300).astype(np.float32)
TRUTH = np.array([RANDOM.choice(3, p=row / row.sum()) for row in PROBABILITIES.astype(np.float64)])


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_error_does_not_depend_on_the_temperature(temperature: float) -> None:
    other = scaled(PROBABILITIES, temperature).astype(np.float32)
    one, two = score(PROBABILITIES, TRUTH), score(other, TRUTH)
    assert one.accuracy == two.accuracy
    assert one.error == pytest.approx(two.error, rel=0.02)
    assert two.loss > one.loss + 0.02  # the cross-entropy does depend on it


def test_better_probabilities_have_the_lower_error_although_overconfident() -> None:
    noise = np.random.default_rng(1).dirichlet([0.4] * 3, 300)
    noisy = (0.6 * PROBABILITIES + 0.4 * noise).astype(np.float32)
    overconfident = scaled(PROBABILITIES, 0.4).astype(np.float32)
    assert score(overconfident, TRUTH).error < score(noisy, TRUTH).error


def test_a_perfect_answer_has_no_error() -> None:
    perfect = score(np.eye(3, dtype=np.float32)[LABELS], LABELS)
    assert perfect.accuracy == 1 and perfect.error == pytest.approx(0, abs=1e-6) and perfect.loss == pytest.approx(0)
    assert Score.from_json(perfect.to_json()).accuracy == 1


def test_of_unequal_classes_every_class_counts_alike() -> None:
    labels = np.repeat([0, 1], [97, 3])
    blind = np.tile(np.array([[0.97, 0.03]], np.float32), (100, 1))  # always names the common class
    seeing = np.where(labels[:, None] == [0, 1], 0.8, 0.2).astype(np.float32)
    seeing[:5] = seeing[:5, ::-1]  # five false alarms
    assert score(blind, labels).better_than(score(seeing, labels))
    one, other = score(blind, labels, balanced=True), score(seeing, labels, balanced=True)
    assert other.better_than(one) and other.error < one.error
    assert one.value == pytest.approx(0.5) and one.accuracy == 0.97 and one.metric == "balanced_accuracy"
    assert Score.from_json(other.rounded().to_json()).value == pytest.approx(other.value, abs=1e-6)
    assert "balanced" not in score(blind, labels).to_json()
