"""Heads that learn from random views: in the form of those without, on the same folds, judged on unchanged photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vm_worker.learn.budget import Budget
from vm_worker.learn.heads import forms, head_validation, linear, viewed
from vm_worker.learn.heads.forms import FeatureTable, Part
from vm_worker.learn.heads.linear import HeadSettings, softmax
from vm_worker.learn.judge.findings import judged_by, make_findings

CLASSES, WIDTH, ROWS = 3, 40, 90
SETTINGS = HeadSettings(CLASSES, 30, 0)
CENTRES = np.eye(CLASSES, WIDTH) * 1.5


def features(
    labels: np.ndarray[tuple[int], np.dtype[np.int64]], seed: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float16]]:
    noise = np.random.default_rng(seed).normal(size=(len(labels), WIDTH))
    return (CENTRES[labels] + noise).astype(np.float16)


def table(views: int, rows: int = ROWS) -> FeatureTable:
    """Return a table whose noise is other in each view, so that a head that learns from views knows more."""
    labels = np.random.default_rng(0).permutation(np.arange(rows, dtype=np.int64) % CLASSES)
    plain = FeatureTable(features(labels, 1), labels, np.arange(rows), rows * 3 // 4)
    return replace(plain, views=tuple(features(labels, 2 + number) for number in range(views)))


def test_views_lower_the_loss_and_the_head_is_trained_with_them() -> None:
    plain = head_validation.validate(table(0), SETTINGS)
    result = viewed.validate(table(3), SETTINGS, plain)
    assert result.loss < plain.loss and result.views == 3 and plain.views == 0
    np.testing.assert_array_equal(result.judged, plain.judged)
    fresh = np.arange(3000, dtype=np.int64) % CLASSES
    losses = []
    for found, known in ((plain, table(0)), (result, table(3))):
        likely = head_validation.refit(known, SETTINGS, found).probabilities(features(fresh, 99))
        losses.append(-np.log(likely[np.arange(len(fresh)), fresh]).mean())
    assert losses[1] < losses[0]


def test_no_head_learns_from_a_view_of_a_photo_that_it_is_judged_on() -> None:
    whole = table(0)
    # A view holds a number that only its own photo has; a head that had learnt from it would know the photo.
    features = np.hstack([whole.features, np.eye(ROWS)]).astype(np.float16)
    plain = replace(whole, features=features)
    shown = replace(plain, views=((features * np.r_[np.zeros(WIDTH), 50 * np.ones(ROWS)]).astype(np.float16),))
    result = viewed.validate(shown, SETTINGS, head_validation.validate(plain, SETTINGS))
    assert result.accuracy < 0.9  # 1.0 where a photo is learnt from whose view is judged


@pytest.mark.parametrize("rows", [ROWS, 1000])  # on folds, and on the fixed split
def test_the_figures_are_those_of_its_logits(rows: int) -> None:
    known = table(1, rows)
    result = viewed.validate(known, SETTINGS, head_validation.validate(replace(known, views=()), SETTINGS))
    assert result.logits is not None
    np.testing.assert_array_equal((result.logits.argmax(1) == known.labels) & result.judged, result.right)
    likely = softmax(result.logits)[result.judged, known.labels[result.judged]]
    assert result.loss == pytest.approx(-np.log(likely).mean(), rel=1e-4)
    assert [part.fraction for part in result.parts] == [None] and 1 <= result.parts[0].epochs <= SETTINGS.epochs


def test_examples_to_learn_from_are_all_views_and_examples_to_judge_are_not() -> None:
    known, rows = table(2), np.array([5, 3], np.int64)
    learnt, judged = known.learnt(rows), known.examples(rows)
    np.testing.assert_array_equal(judged.features, known.features[rows])
    np.testing.assert_array_equal(learnt.features, np.concatenate([f[rows] for f in (known.features, *known.views)]))
    np.testing.assert_array_equal(learnt.labels, np.tile(known.labels[rows], 3))


def test_a_head_that_is_added_to_an_earlier_one_starts_each_view_from_that_views_logits() -> None:
    known = table(1)
    earlier = linear.refit(known.examples(known.everything), replace(SETTINGS, strengths=(1e-2,)), 10)
    learnt = replace(known, earlier=earlier).learnt(np.array([4], np.int64), warm=True)
    assert learnt.start is not None
    np.testing.assert_allclose(learnt.start[1], earlier.logits(known.views[0][4:5])[0], atol=1e-4)


def test_heads_that_start_from_an_earlier_model_take_no_views() -> None:
    plain = head_validation.validate(table(0), SETTINGS)
    assert viewed.possible(plain)
    assert not viewed.possible(replace(plain, parts=(Part(1e-2, 5, None, warm=True),)))
    assert not viewed.possible(replace(plain, parts=()))  # a network from scratch


def test_the_probabilities_that_calibrate_are_those_of_the_heads_that_learnt_from_views() -> None:
    plain = head_validation.validate(table(0), SETTINGS)
    result = viewed.validate(table(3), SETTINGS, plain)
    before = make_findings(table(0), SETTINGS, plain, Budget.of(60))
    after = judged_by(before, result)
    assert after.unseen is not None and result.logits is not None
    np.testing.assert_allclose(after.unseen.probabilities, softmax(result.logits), atol=1e-6)
    assert after.suspects == before.suspects and after.learning_curve == before.learning_curve


def test_columns_of_all_depths_are_ranked_on_unchanged_photos_alone() -> None:
    known = replace(table(1), last=4)
    part = Part(1e-2, 5, 0.25)
    head = forms.fit(known, known.everything, SETTINGS, (part,))
    alone = forms.fit(replace(known, views=()), known.everything, SETTINGS, (part,))
    assert head.columns is not None and alone.columns is not None
    np.testing.assert_array_equal(head.columns, alone.columns)
    assert np.abs(head.kernel - alone.kernel).max() > 1e-3
