"""The figures of the test set, against numbers known from elsewhere."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.evaluation.metrics import MISTAKES_LISTED, confused_pairs, evaluate
from vm_worker.learn.statistics import wilson
from vm_worker.results.evaluated import ClassFigures, HeldOutFigures, PhotoAnswer

CLASSES = ("cat", "dog", "owl")


def sure(said: list[int], classes: int = 3, by: float = 0.8) -> NDArray[np.float64]:
    """Probabilities of a model that says these, each as sure."""
    rest = (1 - by) / (classes - 1)
    return np.where(np.eye(classes)[said] > 0, by, rest)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I: score method without continuity correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0000),  # the mirror image of 0 of 29: never "100 %" without doubt
        (0, 0, 0.0, 1.0),  # nothing was counted, nothing is known
    ],
)
def test_wilson_agrees_with_published_intervals(correct: int, total: int, low: float, high: float) -> None:
    assert wilson(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_figures_of_a_case_counted_by_hand() -> None:
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    said = [0, 0, 0, 1, 1, 1, 0, 0]
    result = evaluate(sure(said), truth, CLASSES)
    assert result.accuracy == 5 / 8
    assert (result.correct, result.images) == (5, 8)
    assert result.confusion == ((3, 1, 0), (1, 2, 0), (1, 0, 0))
    assert result.balanced_accuracy == pytest.approx((3 / 4 + 2 / 3 + 0) / 3)
    assert result.most_common_share == 0.5
    assert result.loss == pytest.approx(-(5 * np.log(0.8) + 3 * np.log(0.1)) / 8)
    cat, dog, owl = result.per_class
    assert (cat.label, cat.precision, cat.recall, cat.support) == ("cat", 3 / 5, 3 / 4, 4)
    assert cat.f1 == pytest.approx(2 / 3)
    assert dog.precision == pytest.approx(2 / 3)
    assert owl == ClassFigures(0, 0, 0, 1, label="owl")  # never said: no warning


def test_a_class_without_test_photos_counts_for_nothing() -> None:
    result = evaluate(sure([0, 1, 2, 1]), np.array([0, 1, 0, 1]), CLASSES)
    assert result.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)
    assert result.per_class[2].support == 0


def test_everything_is_plain_json() -> None:
    result = evaluate(sure([0, 1, 2]).astype(np.float32), np.array([0, 1, 1], dtype=np.int32), CLASSES, ["a", "b", "c"])
    plain = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert plain == result.to_json() and HeldOutFigures.from_json(plain) == result


def test_a_probability_of_zero_gives_a_finite_loss() -> None:
    assert np.isfinite(evaluate(sure([0, 1], by=1.0), np.array([1, 1]), CLASSES).loss)


def test_mistakes_are_named_surest_first() -> None:
    probabilities = np.array([[0.6, 0.4, 0], [0.9, 0.1, 0], [0.2, 0.8, 0]])
    result = evaluate(probabilities, np.array([1, 1, 1]), CLASSES, ["dim.jpg", "sure.jpg", "right.jpg"])
    assert result.mistakes == (PhotoAnswer("dog", "cat", 0.9, "sure.jpg"), PhotoAnswer("dog", "cat", 0.6, "dim.jpg"))


def test_mistakes_are_cut_and_nameless_without_names() -> None:
    wrong = evaluate(sure([0] * 2080), np.array([1] * 2080), CLASSES).mistakes
    assert len(wrong) == MISTAKES_LISTED
    assert "name" not in wrong[0].to_json()


def test_pairs_are_ordered_by_count_then_share() -> None:
    pairs = confused_pairs(np.array([[90, 5, 5], [2, 8, 0], [5, 0, 5]]), CLASSES)
    assert [(pair.truth, pair.said, pair.count, pair.of) for pair in pairs] == [
        ("owl", "cat", 5, 10),
        ("cat", "dog", 5, 100),
        ("cat", "owl", 5, 100),
        ("dog", "cat", 2, 10),
    ]


def test_no_mistakes_no_pairs() -> None:
    result = evaluate(sure([0, 1, 2]), np.array([0, 1, 2]), CLASSES)
    assert result.pairs == ()
    assert result.mistakes == ()


def test_names_that_are_half_characters_are_only_names() -> None:
    result = evaluate(sure([0, 1], 2), np.array([1, 0]), ("accuracy", "half \udc80"), ["\udc80.jpg", "b.jpg"])
    assert [row.label for row in result.per_class] == ["accuracy", "half \udc80"]


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        (np.ones((2, 2)) / 2, np.array([0, 1])),  # two columns for three classes
        (np.ones((2, 3)) / 3, np.array([0])),  # two rows for one photo
        (np.ones((0, 3)), np.array([], dtype=np.int64)),  # no photos
        (np.array([[np.nan, 0.5, 0.5]]), np.array([0])),  # a model that diverged
    ],
)
def test_what_does_not_fit_is_refused(probabilities: Any, labels: Any) -> None:
    with pytest.raises(ValueError, match=r"photos|number"):
        evaluate(probabilities, labels, CLASSES)
