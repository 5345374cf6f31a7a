"""Heads that start from an earlier model's: untouched or trained further, judged on what that has not learnt from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vm_worker.learn.arrays import Rows
from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import forms, head_validation, linear
from vm_worker.learn.heads.forms import FeatureTable, Part
from vm_worker.learn.heads.linear import FeatureRows, HeadSettings
from vm_worker.learn.judge.findings import make_findings

CLASSES, WIDE = 3, 12
SETTINGS = HeadSettings(CLASSES, 10, 0, strengths=(1e-2, 1e-1))


def rows(count: int, seed: int, noise: float = 2.0) -> FeatureRows:
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % CLASSES
    centres = np.random.default_rng(9).normal(0, 1, (CLASSES, WIDE))
    return FeatureRows((centres[labels] + random.normal(0, noise, (count, WIDE))).astype(np.float32), labels)


EARLIER = linear.refit(rows(900, 1), replace(SETTINGS, strengths=(1e-2,)), 10)  # learnt from many photos


def table(count: int, seed: int = 2, **more: object) -> FeatureTable:
    made = rows(count, seed)
    found = FeatureTable(made.features, made.labels, np.arange(count), count * 3 // 4)
    return replace(found, **more)  # type: ignore[arg-type]


def test_only_photos_that_the_earlier_model_has_not_learnt_from_are_judged() -> None:
    unseen = np.arange(90) % 2 == 0
    result = head_validation.validate(table(90, unseen=unseen), SETTINGS)
    np.testing.assert_array_equal(result.judged, unseen)
    assert not result.right[~unseen].any()
    assert result.total == 45


def test_a_good_earlier_head_is_better_than_one_from_few_photos_and_is_told_of() -> None:
    small = table(30, earlier=EARLIER)
    result = head_validation.validate(small, SETTINGS)
    assert result.parts[0].warm
    assert result.untouched is not None and result.anew is not None
    np.testing.assert_allclose(result.untouched, EARLIER.logits(small.features), atol=1e-4)
    assert (result.anew.argmax(1) == small.labels).mean() < result.accuracy


def test_a_bad_earlier_head_is_refused() -> None:
    bad = replace(EARLIER, kernel=-EARLIER.kernel)
    result = head_validation.validate(table(300, earlier=bad), SETTINGS)
    assert not result.parts[0].warm or result.parts[0].epochs
    assert result.untouched is not None
    assert (result.untouched.argmax(1) == result.labels).mean() < result.accuracy


@pytest.mark.parametrize("columns", [None, np.arange(WIDE, dtype=np.int64)[::2]])
def test_an_untouched_head_stays_as_it_is_and_a_warm_one_adds_to_it(columns: Rows | None) -> None:
    head = (
        EARLIER
        if columns is None
        else replace(
            EARLIER, columns=columns, kernel=EARLIER.kernel[::2], mean=EARLIER.mean[::2], scale=EARLIER.scale[::2]
        )
    )
    small = table(60, earlier=head, last=WIDE)
    kept = forms.fit(small, small.everything, SETTINGS, (Part(1e-2, 0, warm=True),))
    assert kept is head
    warm = forms.fit(
        small, small.everything, SETTINGS, (Part(1e6, 5, warm=True),)
    )  # so strong that only the bias moves
    moved = warm.logits(small.features) - head.logits(small.features)
    np.testing.assert_allclose(moved, np.tile(moved[0], (60, 1)), atol=1e-3)
    free = forms.fit(small, small.everything, SETTINGS, (Part(1e-3, 10, warm=True),))
    assert _loss(free, small) < _loss(head, small)
    assert (free.columns is None) is (columns is None)


def test_many_photos_in_batches_start_from_the_earlier_head_too() -> None:
    many = table(400, earlier=EARLIER)
    batches = replace(SETTINGS, at_once=100)
    warm = forms.fit(many, many.everything, batches, (Part(1e-2, 3, warm=True),))
    assert _loss(warm, many) < _loss(EARLIER, many)


def test_calibration_learns_from_unseen_photos_alone() -> None:
    unseen = np.arange(120) % 3 == 0
    half = table(120, unseen=unseen)
    result = head_validation.validate(half, SETTINGS)
    findings = make_findings(half, SETTINGS, result, Budget.of(60.0))
    assert findings.judgeable is not None
    np.testing.assert_array_equal(findings.judgeable, np.flatnonzero(unseen))


def _loss(head: linear.Head, of: FeatureTable) -> float:
    probabilities = head.probabilities(of.features)
    return float(-np.log(probabilities[np.arange(len(of.labels)), of.labels]).mean())
