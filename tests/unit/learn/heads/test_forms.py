"""The forms of a head: where the signal lies decides which one wins, and it is ranked on the rows learnt from alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vm_worker.learn.heads import columns, forms, head_validation, linear
from vm_worker.learn.heads.forms import FeatureTable, Part
from vm_worker.learn.heads.linear import FeatureRows, Head, HeadSettings

LAST, WIDTH, CLASSES = 20, 400, 3
SETTINGS = HeadSettings(CLASSES, 20, 0)


def table(last: float, deep: float, rows: int = 240) -> FeatureTable:
    """Return features in which columns 0 to 2 (of the last map) and 100 to 102 hold the classes, so strongly."""
    random = np.random.default_rng(0)
    labels = np.arange(rows, dtype=np.int64) % CLASSES
    features = random.normal(size=(rows, WIDTH))
    for start, signal in ((0, last), (100, deep)):
        features[:, start : start + CLASSES] += signal * np.eye(CLASSES)[labels]
    return FeatureTable(features.astype(np.float16), labels, np.arange(rows), rows * 3 // 4, LAST)


def test_ridge_ranks_the_columns_that_hold_the_classes_first() -> None:
    whole = table(0.0, 3.0)
    order = columns.ranked(whole.features.astype(np.float32), whole.everything, whole.labels)
    assert set(order[:3].tolist()) == {100, 101, 102} and len(order) == WIDTH


def test_columns_that_hardly_change_are_never_ranked() -> None:
    whole = table(1.0, 1.0)
    features = whole.features.astype(np.float32)
    features[:, 100] = 7 + 5e-4 * features[:, 100]
    assert 100 not in columns.ranked(features, whole.everything, whole.labels)


def test_of_plenty_of_columns_every_second_one_ranks_nearly_as_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    random, labels = np.random.default_rng(3), np.arange(60, dtype=np.int64) % CLASSES
    shared = random.normal(size=(60, 12)) @ random.normal(size=(12, 4096))  # columns that say the same in turns
    features = (shared + 0.5 * random.normal(size=shared.shape)).astype(np.float32)
    told = random.permutation(4096)[:40]  # odd columns, too, which do not count in the inner products
    features[:, told] += 6 * np.eye(CLASSES, dtype=np.float32)[labels][:, random.integers(0, CLASSES, 40)]
    fast = columns.ranked(features, np.arange(60), labels)
    assert set(told) <= set(fast[:60].tolist()) and len(fast) == 4096
    monkeypatch.setattr(columns, "PLENTY", 1000)
    every = columns.ranked(features, np.arange(60), labels)
    assert not np.array_equal(fast, every)
    assert len(set(fast[:400]) & set(every[:400])) > 300


def test_columns_are_ranked_by_the_given_rows_alone() -> None:
    whole = table(0.0, 3.0)
    features, rows = whole.features.astype(np.float32), np.arange(0, 240, 2)
    order = columns.ranked(features, rows, whole.labels[rows])
    features[1::2] = np.random.default_rng(5).normal(size=features[1::2].shape)
    np.testing.assert_array_equal(columns.ranked(features, rows, whole.labels[rows]), order)


def test_features_are_loaded_once_where_they_are_few_and_without_views(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table(1.0, 1.0)
    loaded = whole.loaded()
    assert loaded.features.dtype == np.float32 and loaded.loaded() is loaded
    rows, chosen = np.array([5, 2, 200]), np.array([0, 7, 399])
    for picked in (slice(LAST), chosen):
        np.testing.assert_array_equal(loaded.taken(rows, picked), whole.taken(rows, picked))
    assert replace(whole, views=(whole.features.astype(np.float16),)).loaded().features.dtype == np.float16
    monkeypatch.setattr(forms, "LOADED", whole.features.size - 1)
    assert whole.loaded() is whole


def test_what_other_depths_know_is_used_and_what_they_do_not_is_not() -> None:
    deep = head_validation.validate(table(0.0, 3.0), SETTINGS)
    assert [part.fraction is None for part in deep.parts] == [False] and deep.accuracy > 0.9
    alone = head_validation.validate(
        replace(table(0.0, 3.0), last=None, features=table(0.0, 3.0).features[:, :LAST]), SETTINGS
    )
    assert alone.accuracy < 0.5 and [part.fraction for part in alone.parts] == [None]
    shallow = head_validation.validate(table(3.0, 0.0), SETTINGS)
    assert shallow.parts[0].fraction is None and shallow.accuracy > 0.9


def test_where_both_know_about_as_much_the_mean_is_taken() -> None:
    result = head_validation.validate(table(2.5, 1.0), SETTINGS)
    assert [part.fraction is None for part in result.parts] == [True, False]
    assert result.logits is not None and result.logits.shape == (240, CLASSES)
    np.testing.assert_array_equal(result.logits.argmax(1) == result.labels, result.right)


def test_noise_in_many_columns_is_judged_as_noise() -> None:
    """Ranking columns by the labels of the judged rows would find some that seem to know them."""
    assert head_validation.validate(table(0.0, 0.0), SETTINGS).accuracy < 0.45


def test_the_mean_of_heads_has_the_mean_of_their_logits(tmp_path: Path) -> None:
    whole = table(1.0, 1.0)
    rows, parts = whole.everything, (Part(0.01, 20), Part(0.1, 15, 0.1))
    both = forms.fit(whole, rows, SETTINGS, parts)
    one, other = (forms.fit(whole, rows, SETTINGS, (part,)) for part in parts)
    assert other.columns is not None and len(other.columns) == 40 and one.columns is None
    expected = np.mean([head.logits(whole.features) for head in (one, other)], axis=0)
    np.testing.assert_allclose(both.logits(whole.features), expected, atol=1e-4)
    both.save(tmp_path / "head.npz")
    np.testing.assert_array_equal(Head.load(tmp_path / "head.npz").columns, both.columns)


def test_the_last_training_names_the_networks_columns_and_the_last_features_strength() -> None:
    whole = table(1.5, 1.5)
    narrow = replace(
        whole, features=whole.features[:, ::2], columns=np.arange(0, WIDTH, 2), total=WIDTH, last=LAST // 2
    )
    result = head_validation.validate(narrow, SETTINGS)
    head = head_validation.refit(narrow, SETTINGS, result)
    assert head.columns is not None and set(head.columns % 2) == {0} and head.columns.max() > WIDTH // 2
    assert (head.strength, head.epochs) == (result.strength, result.epochs)


def test_an_older_file_of_a_head_is_read(tmp_path: Path) -> None:
    ones = np.ones(4, np.float32)
    np.savez(
        tmp_path / "old.npz",
        mean=ones,
        scale=ones,
        kernel=np.ones((4, 3)),
        bias=ones[:3],
        strength=0.1,
        epochs=3,
        weighed=True,
    )
    head = Head.load(tmp_path / "old.npz")
    assert head.columns is None and (head.strength, head.epochs, head.weighed) == (0.1, 3, True)


@pytest.mark.parametrize("weighed", [False, True])
def test_all_at_once_comes_to_the_same_head_as_many_batches(weighed: bool) -> None:
    whole = table(1.0, 1.0)
    rows = whole.examples(whole.everything)
    uneven = FeatureRows(rows.features[:200], np.where(np.arange(200) % 4 == 0, rows.labels[:200], 0))
    settings = replace(SETTINGS, epochs=200, strengths=(0.03,), weighed=weighed)
    once, batches = (linear.refit(uneven, replace(settings, at_once=most), 200) for most in (2048, 0))
    np.testing.assert_allclose(once.probabilities(rows.features), batches.probabilities(rows.features), atol=0.02)


def test_where_time_is_short_only_the_last_features_are_tried() -> None:
    result = head_validation.validate(table(0.0, 3.0), SETTINGS, seconds=0.0)
    assert [part.fraction for part in result.parts] == [None] and result.accuracy < 0.5
