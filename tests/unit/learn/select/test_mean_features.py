"""The mean features of a model's photos: kept of those that it learnt from, and compared with those of new ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.learn.select.test_selection import Contest
from tests.unit.learn.tune.subjects import subject
from vm_worker.intake.dataset import Part
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.networks.catalogue import CATALOGUE, COMMON
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.select import mean_features
from vm_worker.learn.select.mean_features import MeanFeatures


def made(*values: float, photos: int = 1000, network: str = COMMON) -> MeanFeatures:
    return MeanFeatures(network, np.array(values, np.float32), photos)


def test_a_file_holds_the_mean_the_number_and_the_network(tmp_path: Path) -> None:
    made(0.5, 1.5, photos=70).save(tmp_path / "mean.npz")
    found = MeanFeatures.load(tmp_path / "mean.npz")
    assert (found.network, found.mean.tolist(), found.photos) == (COMMON, [0.5, 1.5], 70)


def test_what_is_alike_scores_more_and_so_does_a_larger_set() -> None:
    new = made(4.0, 1.0, 1.0)
    same, other = made(8.0, 2.0, 2.0), made(1.0, 4.0, 1.0)
    assert same.score(new) == pytest.approx((1.0, np.log10(1001)))
    alike, score = other.score(new)
    # exp(-KL) of (4, 1, 1) / 6 to (1, 4, 1) / 6, written out
    assert alike == pytest.approx(np.exp(-(4 / 6 * np.log(4) - 1 / 6 * np.log(4))))
    assert score < replace(other, photos=3000).score(new)[1] < same.score(new)[1]


def test_only_features_of_one_network_are_compared() -> None:
    assert made(1.0, 2.0).comparable(made(3.0, 4.0))
    assert not made(1.0, 2.0).comparable(made(1.0, 2.0, network="vgg16"))
    assert not made(1.0, 2.0).comparable(made(1.0, 2.0, 3.0))


def test_of_all_depths_the_last_features_count() -> None:
    features = np.arange(15_000, dtype=np.float32).reshape(3000, 5)
    table = FeatureTable(features, np.zeros(3000, np.int64), np.arange(3000), 2000, last=2)
    found = mean_features.of_table(table, 4000)
    assert found.mean.tolist() == [7497.5, 7498.5] and found.photos == 4000


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Contest, WeightFile]]:
    """Photos, and the tiny network in the place of the one in which photos are compared."""
    for small in subject("tiny", tmp_path_factory.mktemp("one")):
        weight = replace(small.weight, key=COMMON)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(CATALOGUE, COMMON, replace(CATALOGUE[small.weight.key], key=COMMON))
            yield Contest(small.photos, {COMMON: weight}), weight


@pytest.mark.slow
def test_selection_keeps_the_mean_of_what_is_learnt_from(one: tuple[Contest, WeightFile], tmp_path: Path) -> None:
    contest, weight = one
    found, _ = contest.run(tmp_path, 3000, (COMMON,))
    learnt = np.flatnonzero(contest.photos.parts != Part.TEST)
    assert found.mean is not None and found.mean.photos == len(learnt)
    sampled = mean_features.of_photos(weight, contest.photos.pixels(CATALOGUE[COMMON].size), learnt)
    assert sampled.photos == len(learnt)
    assert found.mean.score(sampled)[0] == pytest.approx(1.0, abs=0.01)
    if len(learnt) <= mean_features.SAMPLE:
        np.testing.assert_allclose(found.mean.mean, sampled.mean, rtol=0.01)
