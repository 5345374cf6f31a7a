"""Validating features: folds keep duplicates together, and figures come from rows that no head has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vm_worker.learn import imbalance
from vm_worker.learn.heads import folds, head_validation, linear
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((100, 100), 5),  # the usual small set
        ((200, 9), 3),  # a class with fewer than ten
        ((500, 500), 1),  # enough for the fixed validation part
    ],
)
def test_how_many_folds(counts: tuple[int, ...], expected: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    assert folds.count(labels, np.arange(len(labels))) == expected


@pytest.mark.parametrize(("sessions", "expected"), [(5, 5), (4, 4), (2, 2), (1, 2)])
def test_there_are_no_more_folds_than_a_class_has_groups(sessions: int, expected: int) -> None:
    labels = np.repeat([0, 1], 60)
    groups = np.concatenate([np.arange(60) % sessions, 100 + np.arange(60) % 7])
    assert folds.count(labels, groups) == expected
    for train, judged in folds.cut(labels, groups, expected, seed=0):
        assert not set(groups[train]) & set(groups[judged])
        assert sessions == 1 or set(labels[train]) == {0, 1}


def test_many_photos_are_cut_into_few_folds() -> None:
    labels = np.repeat([0, 1], 600)
    assert folds.count(labels, np.arange(1200)) == 1
    assert folds.without_fixed_part(labels, np.arange(1200)) == 3
    assert folds.without_fixed_part(labels, np.arange(1200) // 300) == 2


def test_folds_cover_every_row_once_and_keep_groups_together() -> None:
    labels = np.repeat(np.arange(3), (30, 25, 20)).astype(np.int64)
    groups = np.arange(75) // 2  # pairs of duplicates
    judged = []
    for train, validation in folds.cut(labels, groups, 5, seed=3):
        assert not set(groups[train]) & set(groups[validation])
        assert set(labels[train]) == {0, 1, 2}
        judged.append(validation)
    assert sorted(np.concatenate(judged)) == list(range(75))


def test_a_class_smaller_than_the_folds_is_still_cut() -> None:
    labels = np.array([0] * 20 + [1] * 2)
    assert len(folds.cut(labels, np.arange(22), 3, seed=0)) == 3


def test_the_same_rows_are_cut_once_for_all_candidates_and_no_candidate_can_change_them() -> None:
    labels, groups = np.arange(40, dtype=np.int64) % 2, np.arange(40)
    cut = folds.cut(labels, groups, 4, seed=1)
    assert folds.cut(labels.copy(), groups.copy(), 4, seed=1) is cut
    with pytest.raises(ValueError, match="read-only"):
        cut[0][0][0] = 7
    for other in (
        (labels, groups // 2, 4, 1),
        (np.arange(40) % 3, groups, 4, 1),
        (labels, groups, 5, 1),
        (labels, groups, 4, 2),
    ):
        assert not all(np.array_equal(one[1], two[1]) for one, two in zip(folds.cut(*other), cut, strict=False))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6])
def test_work_on_folds_comes_back_in_their_order(count: int) -> None:
    assert folds.at_once(lambda number: number * number, range(count)) == [number * number for number in range(count)]


def test_every_beginning_of_the_interleaved_order_is_a_fair_sample() -> None:
    labels = np.repeat(np.arange(3), (60, 30, 10)).astype(np.int64)
    order = folds.interleaved(labels, seed=1)
    assert sorted(order) == list(range(100))
    for length in (20, 50, 80):
        shares = np.bincount(labels[order[:length]], minlength=3) / length
        np.testing.assert_allclose(shares, (0.6, 0.3, 0.1), atol=0.1)


def table(random: np.random.Generator, rows: int, signal: float, train: int | None = None) -> FeatureTable:
    labels = random.integers(0, 4, rows)
    features = random.normal(size=(rows, 64)).astype(np.float32)
    features[:, :4] += signal * np.eye(4, dtype=np.float32)[labels]
    return FeatureTable(features, labels, np.arange(rows), rows * 3 // 4 if train is None else train)


@pytest.mark.parametrize("rows", [240, 1200], ids=["folds", "fixed part"])
def test_noise_is_judged_as_noise(rows: int) -> None:
    """Check for a leak of judged rows into training: a head on 64 random features can learn 240 rows by heart."""
    result = head_validation.validate(table(np.random.default_rng(0), rows, signal=0.0), HeadSettings(4, 20, 0))
    assert 0.15 < result.accuracy < 0.36
    assert result.history.accuracy.max() > result.accuracy


def test_duplicates_across_the_folds_do_not_help() -> None:
    one = table(np.random.default_rng(0), 120, signal=0.0)
    twice = FeatureTable(np.concatenate([one.features] * 2), np.tile(one.labels, 2), np.tile(one.groups, 2), 180)
    assert head_validation.validate(twice, HeadSettings(4, 20, 0)).accuracy < 0.4


def test_a_signal_is_found_and_every_row_is_judged() -> None:
    found = table(np.random.default_rng(0), 240, signal=4.0)
    result = head_validation.validate(found, HeadSettings(4, 20, 0))
    assert result.accuracy > 0.9
    assert result.total == 240 and result.correct == result.right.sum()
    assert result.history.validation_accuracy.shape == (20,)


def test_only_the_fixed_validation_part_judges_a_large_set() -> None:
    result = head_validation.validate(table(np.random.default_rng(0), 1200, signal=2.0), HeadSettings(4, 10, 0))
    assert np.flatnonzero(result.judged).tolist() == list(range(900, 1200))


def test_the_final_head_has_learnt_from_training_and_validation() -> None:
    found = table(np.random.default_rng(0), 240, signal=2.0)
    settings = HeadSettings(4, 20, 0)
    result = head_validation.validate(found, settings)
    head = head_validation.refit(found, settings, result)
    assert (head.strength, head.epochs) == (result.strength, result.epochs)
    np.testing.assert_allclose(head.mean, found.features.mean(0), atol=1e-5)


def rare(signal: float) -> FeatureTable:
    """220 photos of one class and 12 of another, which differ in one of 64 features."""
    labels = np.repeat([0, 1], [220, 12]).astype(np.int64)
    features = np.random.default_rng(0).normal(size=(232, 64)).astype(np.float32)
    features[labels == 1, 0] += signal
    return FeatureTable(features, labels, np.arange(232), 174)


def test_of_unequal_classes_the_balanced_accuracy_chooses_to_weigh_them() -> None:
    found = rare(signal=2.8)
    plain = head_validation.validate(found, HeadSettings(2, 20, 0))
    chosen = head_validation.validate(found, HeadSettings(2, 20, 0, balanced=True))
    assert plain.score == plain.accuracy and not plain.weighed
    assert chosen.weighed and chosen.accuracy < plain.accuracy
    assert chosen.score > imbalance.score(plain.right, plain.labels, balanced=True) + 0.05
    low, high = chosen.interval
    assert low < chosen.score < high
    head = head_validation.refit(found, HeadSettings(2, 20, 0, balanced=True), chosen)
    assert head.weighed


def test_weighing_that_brings_nothing_is_not_chosen() -> None:
    easy = head_validation.validate(rare(signal=40.0), HeadSettings(2, 20, 0, balanced=True))
    assert easy.score == 1.0 and easy.accuracy == 1.0


def test_a_saved_head_remembers_its_weighing(tmp_path: Path) -> None:
    settings = HeadSettings(2, 20, 0, (0.1,), weighed=True)
    linear.refit(rare(1.0).examples(np.arange(232)), settings, 2).save(tmp_path / "head.npz")
    assert linear.Head.load(tmp_path / "head.npz").weighed
