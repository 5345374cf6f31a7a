"""Calibration, the learning curve and suspects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import head_validation
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings, softmax
from vm_worker.learn.judge import calibration, learning_curve
from vm_worker.learn.judge.findings import Findings, make_findings
from vm_worker.learn.judge.out_of_fold import out_of_fold
from vm_worker.learn.judge.suspects import suspects

Floats = NDArray[np.float64]


def predictions(count: int, sharpness: float, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Return probabilities (n, 4) by logits `sharpness` times too large, and labels (n,) drawn by the right logits."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (count, 4))
    truth = softmax(logits).astype(np.float64)
    labels = np.array([random.choice(4, p=row / row.sum()) for row in truth])
    return softmax(logits * sharpness).astype(np.float64), labels


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 3.0])
def test_the_temperature_is_found(sharpness: float) -> None:
    probabilities, labels = predictions(4000, sharpness)
    found = calibration.chosen_temperature(probabilities, labels)
    assert found == pytest.approx(sharpness, rel=0.1)
    figures = calibration.before_and_after(calibration.scaled(probabilities, found), labels, found)
    assert figures.ece_after < 0.03
    if sharpness != 1:
        assert figures.ece_after < figures.ece_before / 2


def test_with_many_rows_the_temperature_is_the_likeliest_one() -> None:
    probabilities, labels = predictions(3000, 1.7)

    def loss(temperature: float) -> float:
        shares = probabilities ** (1 / temperature)
        return -float(np.log(shares[np.arange(3000), labels] / shares.sum(axis=1)).sum())

    best = minimize_scalar(loss, bounds=(0.25, 4), method="bounded").x
    assert calibration.chosen_temperature(probabilities, labels) == pytest.approx(best, rel=0.02)


def test_a_few_rows_that_are_all_right_do_not_give_certainty() -> None:
    probabilities = np.full((5, 4), 0.05)
    probabilities[:, 1] = 0.85
    assert calibration.chosen_temperature(probabilities, np.ones(5, np.int64)) == 1
    assert 0.4 < calibration.chosen_temperature(np.tile(probabilities, (8, 1)), np.ones(40, np.int64)) < 0.7
    assert calibration.chosen_temperature(np.empty((0, 4)), np.empty(0, np.int64)) == 1
    certain = np.eye(4)[np.zeros(3000, int)]
    assert calibration.chosen_temperature(certain, np.full(3000, 2)) <= 4.0


def test_a_calibrated_model_is_not_changed() -> None:
    left = [calibration.chosen_temperature(*predictions(200, 1.0, seed)) == 1 for seed in range(20)]
    assert sum(left) >= 17


def test_calibration_changes_no_predicted_class() -> None:
    probabilities, _ = predictions(500, 1.0)
    for temperature in (0.3, 0.8, 3.0):
        changed = calibration.scaled(probabilities, temperature)
        assert (changed.argmax(1) == probabilities.argmax(1)).all()
        np.testing.assert_allclose(calibration.scaled(changed, 1 / temperature), probabilities, atol=1e-9)


def test_the_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.61, 0.39], [0.65, 0.35], [0.95, 0.05], [0.94, 0.06]])
    labels = np.array([0, 1, 0, 0])
    found = calibration.reliability(probabilities, labels)
    assert [one.count for one in found.bins] == [2, 2]
    assert found.error == pytest.approx((2 * abs(0.5 - 0.63) + 2 * abs(1 - 0.945)) / 4)
    edge = calibration.reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert edge.error == 0 and edge.bins[0].count == 1


def test_the_temperature_of_a_file(tmp_path: Path) -> None:
    assert calibration.read_temperature(tmp_path / "none.npz") == (1.0, 0)
    Findings(None, None, None).save(tmp_path / "empty.npz")
    assert calibration.read_temperature(tmp_path / "empty.npz") == (1.0, 0)


def table(count: int, signal: float, wrong: int = 0, seed: int = 0) -> FeatureTable:
    """Return features of photos in 3 classes; the labels of the first `wrong` photos are wrong."""
    random = np.random.default_rng(seed)
    truth = np.arange(count) % 3
    features = random.normal(0, 1, (count, 20)) + signal * np.eye(3, 20)[truth]
    labels = truth.copy()
    labels[:wrong] = (labels[:wrong] + 1) % 3
    return FeatureTable(features.astype(np.float32), labels.astype(np.int64), np.arange(count), count * 3 // 4)


PLAN = HeadSettings(3, 12, 0)


def test_no_head_judges_a_photo_that_it_was_trained_on() -> None:
    whole = table(240, 0.0)
    unseen = out_of_fold(whole, PLAN, head_validation.validate(whole, PLAN))
    assert unseen.right.mean() == pytest.approx(1 / 3, abs=0.12)
    np.testing.assert_allclose(unseen.probabilities.sum(1), 1, atol=1e-5)
    judged = np.concatenate([part for _, part in unseen.splits])
    assert sorted(judged.tolist()) == list(range(240))


def test_wrong_labels_are_found_first() -> None:
    whole = table(300, 6.0, wrong=12)
    result = head_validation.validate(whole, PLAN)
    found = suspects(out_of_fold(whole, PLAN, result).probabilities, whole.labels)
    assert len(found) >= 8
    assert {one.row for one in found[:8]} <= set(range(12))
    assert all(one.predicted == one.row % 3 and one.label == (one.row + 1) % 3 for one in found[:8])


def test_a_clean_set_has_no_suspects() -> None:
    whole = table(300, 6.0)
    assert suspects(out_of_fold(whole, PLAN, head_validation.validate(whole, PLAN)).probabilities, whole.labels) == []


def test_a_class_needs_its_own_threshold() -> None:
    """Check 0.8: too little for a class whose own photos have 0.95, enough for one whose own photos have 0.6."""
    probabilities = np.array([[0.95, 0.05, 0.0]] * 5 + [[0.4, 0.6, 0.0]] * 5 + [[0.8, 0.05, 0.15], [0.05, 0.8, 0.15]])
    labels = np.array([0] * 5 + [1] * 5 + [2, 2])
    found = suspects(probabilities.astype(np.float32), labels)
    assert [one.row for one in found] == []  # the margin is 0.65
    probabilities[-2:, 2], probabilities[-2:, 0], probabilities[-2:, 1] = 0.02, [0.9, 0.08], [0.08, 0.9]
    found = suspects(probabilities.astype(np.float32), labels)
    assert [(one.row, one.predicted) for one in found] == [(11, 1)]


@pytest.mark.parametrize(
    ("signal", "noise", "verdict"),
    [(2.0, 300, "yes"), (9.0, 1, "hardly")],
)
def test_the_verdict_on_more_photos(signal: float, noise: int, verdict: str) -> None:
    random = np.random.default_rng(0)
    whole = table(400, signal)
    # With many features of noise, a head needs many photos to find the three that depend on the class.
    wide = np.concatenate([whole.features, random.normal(0, 1, (400, noise)).astype(np.float32)], axis=1)
    whole = FeatureTable(wide, whole.labels, whole.groups, whole.train)
    result = head_validation.validate(whole, PLAN)
    unseen = out_of_fold(whole, PLAN, result)
    curve = learning_curve.learning_curve(whole, PLAN, result, unseen, Budget.of(100))
    assert curve is not None and curve.verdict == verdict
    assert [point.share for point in curve.points] == [0.25, 0.5, 1.0]
    assert [point.images for point in curve.points] == [80, 160, 320]
    assert (
        f"with 160 training photos the selected head was right on {curve.points[1].accuracy * 100:.1f} %"
        in curve.answer
    )


@pytest.mark.parametrize(
    ("gain", "error", "verdict"),
    [(0.05, 0.01, "yes"), (0.05, 0.03, "unknown"), (0.0, 0.005, "hardly"), (0.005, 0.001, "hardly")],
)
def test_the_verdict_depends_on_the_standard_error(gain: float, error: float, verdict: str) -> None:
    assert learning_curve._verdict(gain, error) == verdict


@pytest.mark.parametrize(("photos", "verdict"), [(60, "unknown"), (120, "hardly")])
def test_a_few_photos_that_are_all_right_do_not_show_that_more_would_not_help(photos: int, verdict: str) -> None:
    whole = table(photos, 60.0)
    curve = make_findings(whole, PLAN, head_validation.validate(whole, PLAN), Budget.of(100)).learning_curve
    assert curve is not None and curve.points[-1].accuracy == 1.0 and curve.verdict == verdict


def test_without_time_the_curve_is_left_out() -> None:
    whole = table(150, 3.0)
    found = make_findings(whole, PLAN, head_validation.validate(whole, PLAN), Budget.of(0))
    assert found.learning_curve is None and found.unseen is not None and found.suspects is not None


def test_the_curve_is_given_up_when_the_time_ends_while_it_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation on folds has left its answers, so nothing tells beforehand how long a training takes."""
    whole = table(150, 3.0)
    result = head_validation.validate(whole, PLAN)
    unseen, left = out_of_fold(whole, PLAN, result), iter([1.0, 1.0])
    monkeypatch.setattr(Budget, "remaining", lambda self: next(left, -1.0))
    assert learning_curve.learning_curve(whole, PLAN, result, unseen, Budget(0)) is None
    assert next(left, None) is None  # it began
