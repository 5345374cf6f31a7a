"""The contest of forms: few strengths and shares of columns are tried, and what wins is what would win of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.learn.heads.test_forms import LAST, SETTINGS, WIDTH, table
from vm_worker.learn.heads import contest, courses, curves, head_validation
from vm_worker.learn.heads.forms import FeatureTable, Part
from vm_worker.learn.heads.linear import STRENGTHS, HeadSettings
from vm_worker.learn.heads.strengths import StrengthSearch


def _logits(strengths: tuple[float, ...], best: float) -> np.ndarray:
    """Return a course (1, 1, strengths, 2) in which a photo of class 0 is surer, the nearer a strength is to one."""
    sure = [3 - abs(np.log10(one / best)) for one in strengths]
    return np.array([[[[value, 0.0] for value in sure]]], np.float32)


@pytest.mark.parametrize("best", STRENGTHS)
def test_a_search_of_strengths_ends_at_the_best_one_wherever_it_begins(best: float) -> None:
    for between in ((9e-4, 1.1), (0.02, 0.2), (2.0, 9.0), (1e-9, 1e-8)):
        search = StrengthSearch(HeadSettings(2, 2, 0), between, np.zeros(1, np.int64))
        tried: list[float] = []
        while search.wanted:
            tried += search.wanted
            found = search.learn([_logits(search.wanted, best)])
        assert found.strength == best
        assert len(set(tried)) == len(tried)


def test_a_search_tries_no_more_where_the_best_strength_lies_between_others() -> None:
    search = StrengthSearch(HeadSettings(2, 2, 0), (9e-3, 0.11), np.zeros(1, np.int64))
    assert search.wanted == (0.01, 0.03, 0.1)
    search.learn([_logits(search.wanted, 0.03)])
    assert not search.wanted


@pytest.mark.parametrize("signals", [(0.0, 3.0), (3.0, 0.0), (2.5, 1.0), (0.6, 0.6)])
def test_likely_strengths_first_find_the_same_as_all(
    signals: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = head_validation.validate(table(*signals), SETTINGS)
    for name in ("LIKELY", "OF_DEPTHS", "OF_FEWER"):
        monkeypatch.setattr(contest, name, contest.EVERY)
    every = head_validation.validate(table(*signals), SETTINGS)
    assert [(one.fraction, one.strength) for one in few.parts] == [(one.fraction, one.strength) for one in every.parts]
    assert few.loss == pytest.approx(every.loss, rel=1e-4)


def test_the_smallest_share_is_tried_only_where_the_one_before_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    trained = courses.prepared

    def seen(fold: courses.Fold) -> courses.PreparedFold:
        tried.append(fold[0][0].features.shape[1])
        return trained(fold)

    monkeypatch.setattr(courses, "prepared", seen)
    head_validation.validate(_spread(every=1), SETTINGS)
    assert set(tried) == {LAST, WIDTH * 3 // 10, WIDTH // 10}
    tried.clear()
    result = head_validation.validate(_spread(every=50), SETTINGS)
    assert set(tried) == {LAST, WIDTH * 3 // 10, WIDTH // 10, WIDTH * 3 // 100}
    assert [part.fraction for part in result.parts] == [0.03]


def _spread(every: int) -> FeatureTable:
    """Return features of which one of so many columns, but for the last map's, holds the classes, all alike weakly."""
    random, whole = np.random.default_rng(1), table(0.0, 0.0)
    features = random.normal(size=whole.features.shape)
    told = np.arange(LAST, WIDTH, every)
    signal = random.normal(size=(3, len(told))) * (4.0 / np.sqrt(len(told)))
    features[:, told] += signal[whole.labels]
    return replace(whole, features=features.astype(np.float16))


def test_the_curve_is_the_same_whether_rows_were_kept_or_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = head_validation.validate(table(2.5, 1.0), SETTINGS)
    monkeypatch.setattr(courses.PreparedFold, "few", False)
    again = head_validation.validate(table(2.5, 1.0), SETTINGS)
    for one, other in zip(kept.history.columns(), again.history.columns(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert kept.history.validation_loss[-1] == pytest.approx(kept.loss, rel=1e-4)


def test_a_curve_stays_as_it_is_once_its_parts_are_trained() -> None:
    whole, settings = table(2.5, 1.0), HeadSettings(3, 8, 0)
    rows = whole.examples(np.arange(0, 240, 2)), whole.examples(np.arange(1, 240, 2))
    fold = courses.prepared((rows, settings))
    found = curves.history((Part(0.1, 3), Part(0.01, 1)), [0], lambda number: [fold, fold], settings)
    for column in found.columns():
        assert column.shape == (8,) and column[2] > 0
        np.testing.assert_array_equal(column[2:], column[2])
    assert found.loss[0] > found.loss[1] > found.loss[2]
