"""Linear heads: as good as scikit-learn's logistic regression, repeatable, and foldable into one Dense layer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LogisticRegression

from vm_worker.learn.heads import courses, descent, linear
from vm_worker.learn.heads.linear import Bank, FeatureRows, Head, HeadSettings, Space


def hard_set(seed: int) -> tuple[FeatureRows, FeatureRows]:
    """Return four overlapping classes with 400 features, 20 of them informative: 300 training rows, 2,000 to judge."""
    x, y = make_classification(
        2300, 400, n_informative=20, n_redundant=40, n_classes=4, class_sep=2.0, flip_y=0.05, random_state=seed
    )
    x = (x * np.linspace(0.01, 30, 400)).astype(np.float32)
    return FeatureRows(x[:300], y[:300].astype(np.int64)), FeatureRows(x[300:], y[300:].astype(np.int64))


def digits() -> tuple[FeatureRows, FeatureRows]:
    x, y = load_digits(return_X_y=True)
    x, y = x.astype(np.float32), y.astype(np.int64)
    return FeatureRows(x[::3], y[::3]), FeatureRows(x[1::3], y[1::3])


def best_regression(train: FeatureRows, judge: FeatureRows) -> float:
    """Return the accuracy of logistic regression with the C that is best on the judged rows."""
    mean, scale = linear.standardisation(train.features)
    x, unseen = (train.features - mean) / scale, (judge.features - mean) / scale
    fits = (LogisticRegression(C=c, max_iter=2000).fit(x, train.labels) for c in (1e-4, 1e-3, 1e-2, 1e-1, 1.0))
    return max(float(fit.score(unseen, judge.labels)) for fit in fits)


@pytest.mark.parametrize("sets", [hard_set(0), hard_set(1), digits()], ids=["hard", "hard again", "digits"])
def test_the_best_head_is_within_half_a_point_of_logistic_regression(sets: tuple[FeatureRows, FeatureRows]) -> None:
    train, judge = sets
    settings = HeadSettings(int(train.labels.max()) + 1, 40, 0)
    logits = courses.course(courses.prepared(((train, judge), settings)), settings)
    assert logits.shape == (20, len(judge.labels), len(linear.STRENGTHS), settings.classes)
    assert linear.score(logits[-1], judge.labels).accuracy.max() >= best_regression(train, judge) - 0.005


@pytest.mark.parametrize("block", [7, 300])
def test_in_blocks_or_at_once_is_the_same(block: int) -> None:
    train, judge = hard_set(0)
    mean, scale = linear.standardisation(train.features, block)
    np.testing.assert_allclose(mean, train.features.mean(0, dtype=np.float64), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scale, train.features.std(0, dtype=np.float64), rtol=1e-5)
    settings = HeadSettings(4, 3, 0, (0.01,), block)
    at_once = linear.refit(train, replace(settings, block=10**6), 3).probabilities(judge.features)
    in_blocks = linear.refit(train, settings, 3).probabilities(judge.features)
    np.testing.assert_allclose(in_blocks, at_once, atol=1e-5)
    space = linear.Space(train, settings)
    bank = linear.Bank(space.learnt, settings)
    bank.epoch()
    folded = space.head(bank, 0).probabilities(judge.features)  # made without standardised features
    found = linear.softmax(bank.logits(space.prepared(judge))[:, 0])
    np.testing.assert_allclose(found, folded, atol=1e-4)


def test_every_strength_is_trained_as_if_alone() -> None:
    train, judge = hard_set(0)
    settings = HeadSettings(4, 5, 0, (1e-3, 1e-1))
    rows = courses.prepared(((train, judge), settings))
    together, alone = courses.course(rows, settings), courses.course(rows, replace(settings, strengths=(1e-1,)))
    np.testing.assert_allclose(together[:, :, 1:], alone, atol=1e-3)


def test_the_loss_falls_and_more_strength_means_smaller_kernels() -> None:
    train, _ = hard_set(0)
    settings = HeadSettings(4, 20, 0)
    bank, losses = linear.Bank(linear.Space(train, settings).learnt, settings), []
    for _ in range(20):
        bank.epoch()
        losses.append(linear.score(linear.softmax(bank.logits()), train.labels).loss[:4])
    assert (losses[-1] < losses[0]).all()
    sizes = [np.abs(linear.refit(train, HeadSettings(4, 20, 0, (s,)), 20).kernel).sum() for s in (1e-3, 1e-1, 3.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_the_same_seed_gives_the_same_head_and_another_another() -> None:
    train, _ = hard_set(0)
    settings = HeadSettings(4, 5, 0, (0.1,), at_once=0)  # in batches
    one, same, other = (linear.refit(train, replace(settings, seed=seed), 3) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.kernel, same.kernel)
    assert not np.array_equal(one.kernel, other.kernel)


def test_a_head_survives_its_file_and_folds_into_one_layer(tmp_path: Path) -> None:
    train, judge = hard_set(0)
    head = linear.refit(train, HeadSettings(4, 5, 0, (0.1,)), 3)
    head.save(tmp_path / "head.npz")
    loaded = Head.load(tmp_path / "head.npz")
    assert (loaded.strength, loaded.epochs) == (0.1, 3)
    np.testing.assert_array_equal(loaded.probabilities(judge.features), head.probabilities(judge.features))
    standardised = (judge.features - head.mean) / head.scale
    expected = linear.softmax(standardised @ head.kernel + head.bias)
    np.testing.assert_allclose(head.probabilities(judge.features), expected, atol=1e-4)


def test_a_feature_that_never_changes_does_no_harm() -> None:
    train, _ = hard_set(0)
    features = train.features.copy()
    features[:, 7] = 3.0
    head = linear.refit(FeatureRows(features, train.labels), HeadSettings(4, 5, 0, (0.1,)), 5)
    assert np.isfinite(head.probabilities(features)).all()


def test_strength_and_epoch_are_those_with_the_lowest_loss_of_all_folds() -> None:
    labels, settings = np.array([0, 1, 1], np.int64), HeadSettings(2, 4, 0, (0.1, 1.0))
    sure = np.array([[[[3.0, 0.0], [0.0, 0.0]]], [[[1.0, 0.0], [4.0, 0.0]]]], np.float32)  # (epochs, 1, strengths, k)
    rest = np.zeros((2, 2, 2, 2), np.float32)
    rest[1, :, 0, 1] = 2.0  # in the last epoch the first strength is right on the second fold
    found = courses.chosen([sure, rest], labels, settings)
    assert (found.strength, found.epochs) == (0.1, 4)
    np.testing.assert_array_equal(found.logits, [[1.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    expected = (np.log(1 + np.exp(-1.0)) + 2 * np.log(1 + np.exp(-2.0))) / 3
    assert found.loss == pytest.approx(expected, rel=1e-5)


def test_what_never_changes_is_standardised_to_nothing_however_large_it_is() -> None:
    values = np.array([3.0, 100.1, 65504.0, 1 / 3, 0.0], np.float32)
    mean, scale = linear.standardisation(np.tile(values, (1500, 1)), 1024)
    np.testing.assert_array_equal(mean, values)
    np.testing.assert_array_equal(scale, np.ones(5, np.float32))


def test_a_training_takes_half_as_many_steps_in_the_epochs_that_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    step = descent.Descent._step

    def counted(own: descent.Descent) -> None:
        steps[-1] += 1
        step(own)

    monkeypatch.setattr(descent.Descent, "_step", counted)
    random = np.random.default_rng(0)
    rows = FeatureRows(random.normal(size=(30, 8)).astype(np.float32), np.arange(30, dtype=np.int64) % 3)
    settings = HeadSettings(3, 6, 0, (0.1,))
    bank = Bank(Space(rows, settings).learnt, settings)
    for _ in range(6):
        steps.append(0)
        bank.epoch()
    assert steps == [2, 2, 2, 1, 1, 1]


@pytest.mark.parametrize(("rows", "width"), [(30, 70), (70, 30)])
@pytest.mark.parametrize("weighed", [False, True])
def test_rows_on_their_main_axes_keep_their_inner_products(rows: int, width: int, weighed: bool) -> None:
    random = np.random.default_rng(0)
    x, fresh = (random.normal(size=(count, width)).astype(np.float32) for count in (rows, 9))
    counts = random.uniform(0.5, 2.0, rows).astype(np.float32) if weighed else np.ones(rows, np.float32)
    axes, turned = descent.turned(x, counts)
    np.testing.assert_allclose(turned @ turned.T, x @ x.T, atol=1e-3)
    np.testing.assert_allclose(axes.coordinates(x), turned, atol=1e-3)
    np.testing.assert_allclose(axes.coordinates(fresh) @ turned.T, fresh @ x.T, atol=1e-3)
    diagonal = (turned * counts[:, None]).T @ turned
    np.testing.assert_allclose(diagonal, np.diag(axes.extents), atol=1e-3 * axes.extents.max())
    kernel = random.normal(size=(turned.shape[1], 4)).astype(np.float32)
    np.testing.assert_allclose(fresh @ axes.whole(kernel), axes.coordinates(fresh) @ kernel, atol=1e-3)
