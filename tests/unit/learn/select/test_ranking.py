"""The ranking of candidates: the winner under each objective, and ties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.head_result import HeadResult
from vm_worker.learn.heads.linear import History
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.select import ranking
from vm_worker.learn.select.ranking import Candidate
from vm_worker.results.exported import Latency, ThreadLatency

ROWS = 100
CURVE = History(*(np.array([0.5, 0.6]) for _ in range(4)))


def entry(key: str, right: NDArray[np.bool_], loss: float = 0.5, speed: float = 10.0) -> Candidate:
    judged = np.ones(ROWS, bool)
    result = HeadResult(right, judged, np.zeros(ROWS, np.int64), loss, strength=0.1, epochs=2, history=CURVE)
    nothing = FeatureTable(np.zeros((ROWS, 1), np.float32), np.zeros(ROWS, np.int64), np.arange(ROWS), train=0)
    return Candidate(CATALOGUE[key], nothing, result, seconds=1.0, images_per_second=speed, partial=False)


def measured_as(size: int, milliseconds: float) -> Latency:
    """Return the figures of a network of this size in bytes and this latency."""
    threads = ThreadLatency(1, milliseconds, milliseconds, milliseconds)
    return Latency(100, size, threads, threads)


def first(count: int) -> NDArray[np.bool_]:
    return np.arange(ROWS) < count


@pytest.mark.parametrize(
    ("right", "ties"),
    [
        (first(90), True),  # the same rows
        (first(85), True),  # 5 against 0: p = 0.0625
        (first(84), False),  # 6 against 0: p = 0.03125
        (np.roll(first(90), 5), True),  # 5 against 5
    ],
)
def test_ties_by_exact_mcnemar(right: NDArray[np.bool_], ties: bool) -> None:
    assert ranking.ties(entry("vgg16", first(90)), entry("xception", right)) is ties


def test_balanced_uses_the_latency_where_all_tied_candidates_have_one() -> None:
    def timed(key: str, right: int, speed: float, milliseconds: float | None) -> Candidate:
        latency = None if milliseconds is None else measured_as(1, milliseconds)
        return replace(entry(key, first(right), speed=speed), latency=latency)

    entries = [timed("xception", 90, 5, 80.0), timed("mobilenet", 88, 60, 9.0), timed("mobilenet_v2", 87, 50, 7.5)]
    worse = timed("vgg16", 60, 99, 1.0)  # faster, but significantly worse
    assert ranking.winner([*entries, worse], "balanced").backbone.key == "mobilenet_v2"
    assert "7.5 ms a photo" in ranking.reason([*entries, worse], "balanced")
    assert ranking.winner([*entries[:2], timed("mobilenet_v2", 87, 50, None)], "balanced").backbone.key == "mobilenet"


def test_small_uses_the_file_size_where_all_tied_candidates_have_one() -> None:
    def measured(key: str, right: int, size: int | None) -> Candidate:
        return replace(entry(key, first(right)), latency=None if size is None else measured_as(size, 1.0))

    # Parameters alone would choose mobilenet_v2, whose file is larger here.
    entries = [measured("xception", 90, 80_000_000), measured("mobilenet_v2", 88, 14_000_000)]
    entries.append(measured("efficientnet_lite0", 87, 13_000_000))
    worse = measured("mobilenet_v3_small", 60, 4_000_000)
    assert ranking.winner([*entries, worse], "small").backbone.key == "efficientnet_lite0"
    assert "12.4 MB" in ranking.reason([*entries, worse], "small")
    unmeasured = measured("efficientnet_lite0", 87, None)
    assert ranking.winner([*entries[:2], unmeasured], "small").backbone.key == "mobilenet_v2"
    alike = [measured("mobilenet", 87, 13_000_000), measured("mobilenet_v2", 88, 13_000_000), entries[0]]
    assert ranking.winner(alike, "small").backbone.key == "mobilenet_v2"


def test_candidates_judged_on_fewer_photos_are_compared_on_these() -> None:
    part = np.arange(ROWS) >= 80
    all_photos = entry("mobilenet", ~first(10))  # 90 of 100, and all of the last 20
    some = entry("vgg16", part & (np.arange(ROWS) != 99))  # 19 of the last 20: 95 %
    some = replace(some, result=replace(some.result, judged=part))
    assert [one.backbone.key for one in ranking.ranked([some, all_photos])] == ["mobilenet", "vgg16"]
    assert "were judged on the validation photos alone" in ranking.reason([some, all_photos], "accuracy")
    assert [one.result.accuracy for one in (some, all_photos)] == [0.95, 0.9]


def test_all_that_tie_with_the_winner_are_named() -> None:
    entries = [
        entry(key, first(90 - number)) for number, key in enumerate(("xception", "mobilenet", "vgg16", "densenet121"))
    ]
    for count, named in enumerate(("MobileNet", "MobileNet and VGG16", "MobileNet, VGG16 and DenseNet121"), 2):
        assert f"the difference to {named} may be chance." in ranking.reason(entries[:count], "accuracy")


@pytest.mark.parametrize(
    ("objective", "winner"),
    [
        ("accuracy", "xception"),  # the most accurate, though others tie with it
        ("balanced", "mobilenet"),  # the fastest of those that tie
        ("small", "efficientnet_lite0"),  # the smallest of those that tie
    ],
)
def test_the_winner_under_each_objective(objective: str, winner: str) -> None:
    entries = [
        entry("xception", first(90), speed=5),
        entry("mobilenet", first(88), speed=60),
        entry("efficientnet_lite0", first(87), speed=50),
        entry("mobilenet_v2", first(60), speed=99),  # fast and small, but significantly worse
    ]
    if winner == "efficientnet_lite0":
        entries[1] = entry("vgg16", first(88), speed=60)
    assert ranking.winner(entries, objective).backbone.key == winner
    states = {row.name: row.state for row in ranking.rows(entries, objective)}
    assert states[winner] == "chosen"
    assert states["mobilenet_v2"] == "evaluated"
    assert sorted(states.values()) == ["chosen", "evaluated", "tied", "tied"]


def test_equal_accuracy_goes_to_the_lower_loss_and_then_to_the_faster() -> None:
    entries = [
        entry("vgg16", first(90), loss=0.4, speed=5),
        entry("xception", first(90), loss=0.3, speed=5),
        entry("mobilenet", first(90), loss=0.3, speed=60),
    ]
    assert ranking.winner(entries, "accuracy").backbone.key == "mobilenet"


def test_a_row_has_figures_and_a_wilson_interval() -> None:
    (row,) = ranking.rows([entry("vgg16", first(90))], "accuracy")
    assert row.validation_accuracy == 0.9
    # Wilson's 95 % interval of 90 of 100, from the published formula.
    assert row.validation_interval == pytest.approx((0.82564, 0.94477), abs=1e-4)


def test_the_reason_names_the_tied_candidates() -> None:
    entries = [entry("xception", first(90)), entry("mobilenet", first(88)), entry("vgg16", first(50))]
    text = ranking.reason(entries, "accuracy")
    assert "Xception" in text and "90 of 100" in text and "MobileNet" in text and "VGG16" not in text
    assert "smallest" in ranking.reason(entries, "small")
    alone = "Xception was the only candidate that was judged: 90 of 100 photos right."
    assert [ranking.reason(entries[:1], one) for one in ("accuracy", "small", "balanced")] == [alone] * 3


def test_it_is_told_where_training_photos_count_in_the_figures() -> None:
    told = "training photos count here, too, each judged by a head that had not learned from it"
    half = [replace(one, features=replace(one.features, train=50)) for one in (entry("vgg16", first(90)),)]
    assert told in ranking.reason(half, "accuracy")
    fixed = [replace(one, result=replace(one.result, judged=~first(50), right=~first(60))) for one in half]
    assert "40 of 50 photos right" in ranking.reason(fixed, "accuracy")
    assert told not in ranking.reason(fixed, "accuracy")


def test_curve_rows_count_from_one() -> None:
    rows = ranking.curve_points("select", "vgg16", CURVE)
    assert [row.epoch for row in rows] == [1, 2]
    assert rows[1].to_json() == {
        "phase": "select",
        "name": "vgg16",
        "epoch": 2,
        "accuracy": 0.6,
        "loss": 0.6,
        "validation_accuracy": 0.6,
        "validation_loss": 0.6,
    }


def test_of_unequal_classes_the_network_that_finds_the_rare_one_wins() -> None:
    labels = np.repeat([0, 1], [90, 10]).astype(np.int64)

    def judged(key: str, right: NDArray[np.bool_]) -> Candidate:
        one = entry(key, right)
        return replace(one, result=replace(one.result, labels=labels, balanced=True, weighed=key == "xception"))

    entries = [judged("xception", ~first(12)), judged("mobilenet", first(90))]  # 88 and 90 of 100
    assert ranking.winner(entries, "accuracy").backbone.key == "xception"
    assert ranking.winner(entries, "small").backbone.key == "xception"  # they do not tie
    row = ranking.rows(entries, "accuracy")[0]
    assert (row.validation_score, row.validation_accuracy, row.metric) == (0.93333, 0.88, "balanced_accuracy")
    assert row.validation_interval and row.validation_interval[0] < 0.9
    text = ranking.reason(entries, "accuracy")
    assert "highest balanced accuracy on the validation photos: 93 % of each class found on average, 88 of 100" in text
    weighed = "In its training each photo of a small class counts more, as that did better on the validation photos."
    assert weighed in text
    assert ranking.reason(entries[:1], "accuracy") == (
        "Xception was the only candidate that was judged: 93 % of each class found on average, 88 of 100 photos right. "
        + weighed
    )
