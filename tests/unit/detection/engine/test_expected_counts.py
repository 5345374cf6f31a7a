"""Counts by expectation: how scores are moved, and when they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from vm_worker.tasks.detection.boxes import Boxes, Detections
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Settings, counted
from vm_worker.tasks.detection.engine.expected_counts import ExpectedCounts, logits
from vm_worker.tasks.detection.engine.training.expecting import expected_counts

HONEST = ExpectedCounts(1.0, 0.0, 0.5, 9.0)  # scores are probabilities, and may be moved as far as is needed
SETTINGS = Settings(320, 320, decoding=Decoding(threshold=0.5, overlap=0.5, least=0.05))


def _found(scores: list[float]) -> Detections:
    """Boxes of 10 pixels in a row, 20 pixels apart."""
    left = 20.0 * np.arange(len(scores), dtype=np.float32)
    boxes = np.stack([left, left * 0, left + 10, left * 0 + 10], axis=1)
    return Detections(boxes, np.array(scores, np.float32), np.zeros(len(scores), np.int64))


def _reached(scores: list[float], expected: ExpectedCounts = HONEST) -> int:
    return len(counted(_found(scores), SETTINGS.with_expected(expected)))


def test_of_ten_boxes_that_are_right_in_four_cases_of_ten_four_count() -> None:
    scores = [0.4 + 0.001 * number for number in range(-5, 5)]
    assert len(counted(_found(scores), SETTINGS)) == 0
    assert HONEST.expected(np.array(scores, np.float32)) == pytest.approx(4.0, abs=0.01)
    assert _reached(scores) == 4
    kept = counted(_found(scores), SETTINGS.with_expected(HONEST))
    assert kept.xyxy[:, 0].tolist() == [180, 160, 140, 120]  # the most certain ones


def test_fewer_count_where_fewer_are_expected() -> None:
    assert _reached([0.55, 0.54, 0.53, 0.52, 0.51, 0.505, 0.502, 0.501]) == 4
    assert _reached([0.55, 0.54]) == 1


def test_scores_stay_where_their_number_is_right_or_there_are_none() -> None:
    for scores in ([0.9, 0.95, 0.1], [0.1], list[float]()):
        found = _found(scores)
        assert HONEST.moved(found) is found


def test_scores_move_no_further_than_allowed() -> None:
    scores = [0.2] * 10  # two are expected, but none is nearly certain enough
    near = ExpectedCounts(1.0, 0.0, 0.5)
    assert _reached(scores, near) == 0
    by = logits(near.moved(_found(scores)).scores) - logits(np.float64(0.2))
    np.testing.assert_allclose(by, near.most, atol=1e-5)


def test_a_threshold_that_was_changed_since_counts_alone() -> None:
    scores = [0.4 + 0.001 * number for number in range(-5, 5)]
    changed = SETTINGS.with_expected(HONEST).with_decoding(replace(SETTINGS.decoding, threshold=0.402))
    assert counted(_found(scores), changed).scores.tolist() == [np.float32(one) for one in (0.404, 0.403, 0.402)]


def test_boxes_that_are_equally_certain_count_together() -> None:
    assert _reached([0.45] * 4) in (0, 4)


def test_probabilities_are_learnt_and_kept_where_counts_become_better() -> None:
    random = np.random.default_rng(0)
    raw, truth = _photos(random, right=lambda score: score)
    learnt = expected_counts(raw, truth, SETTINGS)
    assert learnt is not None
    assert learnt.slope == pytest.approx(1.0, abs=0.2) and learnt.offset == pytest.approx(0.0, abs=0.2)
    again = Settings.from_json(json.loads(json.dumps(SETTINGS.with_expected(learnt).to_json())))
    assert again == SETTINGS.with_expected(learnt)
    new, labels = _photos(random, right=lambda score: score)
    by_threshold, by_expectation = (_error(new, labels, one) for one in (SETTINGS, again))
    assert by_expectation < 0.9 * by_threshold


def test_counts_stay_by_the_threshold_where_that_is_as_good_or_little_is_known() -> None:
    raw, truth = _photos(np.random.default_rng(1), right=lambda score: float(score > 0.5))
    assert expected_counts(raw, truth, SETTINGS) is None  # nothing is wrong by the threshold
    raw, truth = _photos(np.random.default_rng(1), right=lambda score: score)
    assert expected_counts(raw[:9], truth[:9], SETTINGS) is None
    few = [replace(one, xyxy=one.xyxy[:2], scores=one.scores[:2], classes=one.classes[:2]) for one in raw]
    assert expected_counts(few[:20], truth[:20], SETTINGS) is None  # 40 boxes: fewer than 30 are wrong


def _photos(random: np.random.Generator, right: Callable[[float], float]) -> tuple[list[Detections], list[Boxes]]:
    """Photos with 20 boxes each, and labels for those that are right, by their probability."""
    raw = [_found(random.uniform(0.1, 0.9, 20).tolist()) for _ in range(200)]
    kept = [np.flatnonzero([random.uniform() < right(score) for score in one.scores.tolist()]) for one in raw]
    return raw, [one.take(rows).as_labels() for one, rows in zip(raw, kept, strict=True)]


def _error(raw: list[Detections], truth: list[Boxes], settings: Settings) -> float:
    pairs = zip(raw, truth, strict=True)
    return float(np.mean([abs(len(counted(one, settings)) - len(boxes)) for one, boxes in pairs]))
