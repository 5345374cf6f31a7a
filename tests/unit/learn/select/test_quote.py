"""The quote: arithmetic on a measured speed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.select import quote
from vm_worker.learn.select.quote import MeasuredSpeed, QuotedWork

LITE0, VGG16 = CATALOGUE["efficientnet_lite0"], CATALOGUE["vgg16"]
HERE = MeasuredSpeed(LITE0, speed=100.0, plain=50.0, setup=4.0)
ONE = QuotedWork((LITE0,), images=1000, classes=5, trials=0)


def test_one_candidate_takes_its_pass_and_its_heads() -> None:
    assert quote.seconds(ONE, HERE) == pytest.approx(1000 / 100 + quote.HEADS_LEAST)


def test_another_candidate_takes_its_setup_and_a_pass_by_its_multiply_adds() -> None:
    times = (VGG16.gflops + quote.MEMORY_COST) / (LITE0.gflops + quote.MEMORY_COST)
    more = quote.seconds(replace(ONE, backbones=(LITE0, VGG16)), HERE) - quote.seconds(ONE, HERE)
    assert more == pytest.approx(4.0 + 10 * times + quote.HEADS_LEAST)
    assert 15 < times < 30  # as measured: 17 and 200 ms an image


def test_heads_of_many_photos_and_classes_are_counted() -> None:
    large = replace(ONE, images=20_000, classes=100)
    assert quote.seconds(large, HERE) > 200 + 100


@pytest.mark.parametrize(
    ("search", "most", "expected"),
    [
        ("none", None, 1),  # the trial of the default recipe
        ("none", 0, 0),
        ("genetic", 0, 0),
        ("genetic", 3, 3),
        ("random", None, quote.TRIALS),
        ("bayesian", 500, quote.TRIALS),  # the search ends before
    ],
)
def test_the_expected_trials(search: str, most: int | None, expected: int) -> None:
    assert quote.expected_trials(search, most) == expected


def test_tuning_takes_each_trial_and_the_last_training() -> None:
    tuned = quote.seconds(replace(ONE, trials=2), HERE) - quote.seconds(ONE, HERE)
    assert tuned == pytest.approx(5 * (quote.TRIAL_SECONDS + quote.TRIAL_PASSES * 1000 / 50))
