"""LogME, P2L and the probe against plain implementations, and the candidates that they leave out."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import RidgeClassifier

from tests.unit.learn.photos import weight
from vm_worker.learn.heads import folds
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import HeadSettings
from vm_worker.learn.networks import build
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.select import p2l, probe, pruning
from vm_worker.learn.select.logme import logme
from vm_worker.learn.select.pruning import ProbeScores

Floats = NDArray[np.float64]
SETTINGS = HeadSettings(3, 1, 0)


def clouds(count: int, width: int, signal: float, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return random.normal(0, 1, (count, width)) + signal * np.eye(3, width)[labels] + 0.5, labels


def plain_evidence(features: Floats, target: Floats, alpha: float, beta: float) -> float:
    """Return the log evidence of a Bayesian linear model by its definition, equation 2 of the paper."""
    count, width = features.shape
    a = alpha * np.eye(width) + beta * features.T @ features
    m = beta * np.linalg.solve(a, features.T @ target)
    fit = beta / 2 * np.sum((features @ m - target) ** 2) + alpha / 2 * m @ m
    log_det = np.linalg.slogdet(a)[1]
    return float(
        count / 2 * np.log(beta) + width / 2 * np.log(alpha) - count / 2 * np.log(2 * np.pi) - fit - log_det / 2
    )


def plain_logme(features: Floats, labels: NDArray[np.int64]) -> float:
    """Return the largest log evidence that a general optimiser finds, divided by the photos, mean of the classes."""
    best = []
    for one in np.unique(labels):
        target = (labels == one).astype(float)
        found = minimize(
            lambda x, y=target: -plain_evidence(features, y, *np.exp(x)),
            [0.0, 0.0],
            method="Nelder-Mead",
            options={"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000},
        )
        best.append(-found.fun / len(labels))
    return float(np.mean(best))


@pytest.mark.parametrize(("count", "width", "signal"), [(60, 10, 1.0), (60, 10, 0.3), (30, 45, 1.5), (200, 4, 2.0)])
def test_logme_is_the_largest_evidence(count: int, width: int, signal: float) -> None:
    features, labels = clouds(count, width, signal)
    assert logme(features, labels) == pytest.approx(plain_logme(features, labels), abs=2e-3)


def test_logme_rises_with_the_signal_in_the_features() -> None:
    scores = [logme(*clouds(150, 20, signal)) for signal in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert scores == sorted(scores) and scores[-1] - scores[0] > 0.2
    with pytest.raises(ValueError, match="two photos"):
        logme(np.zeros((1, 3)), np.zeros(1, np.int64))


def test_p2l_is_similarity_times_size() -> None:
    source = np.array([1.0, 2.0, 3.0])
    assert p2l.p2l(source, np.tile(source, (5, 1)) * 7) == pytest.approx(1.281167)
    features = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [5.0, 2.0, 2.0]])
    target = features.mean(axis=0)
    p, q = target / target.sum(), source / source.sum()
    divergence = sum(one * np.log(one / other) for one, other in zip(p, q, strict=True))
    assert p2l.p2l(source, features) == pytest.approx(np.exp(-divergence) * 1.281167)
    assert p2l.p2l(source, np.array([[1.0, 0.0, 0.0]])) < 0.3


@pytest.mark.parametrize("top", ["relu", "linear"])
def test_the_source_features_are_those_of_the_last_normalisation(top: str) -> None:
    image = keras.Input((4, 4, 3))
    norm = keras.layers.BatchNormalization()
    maps = keras.layers.Activation(top)(norm(keras.layers.Conv2D(2, 1)(image)))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps))
    gamma, beta = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    norm.set_weights([gamma, beta, np.zeros(2), np.ones(2)])
    samples = beta + gamma * np.random.default_rng(0).normal(size=(400_000, 2))
    wanted = np.maximum(samples, 0).mean(axis=0) if top == "relu" else samples.mean(axis=0)
    source = p2l.source_features(model)
    assert source is not None
    np.testing.assert_allclose(source, wanted, atol=0.05)


def test_a_network_without_one_last_normalisation_has_no_source_features() -> None:
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 1)(image)))
    assert p2l.source_features(model) is None
    branches = [keras.layers.BatchNormalization()(keras.layers.Conv2D(width, 1)(image)) for width in (3, 6)]
    whole = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Add()([keras.layers.Conv2D(6, 1)(branches[0]), branches[1]])
    )
    assert p2l.source_features(keras.Model(image, whole)) is None


def test_a_pretrained_network_has_source_features() -> None:
    source = p2l.source_features(build.extractor("efficientnet_lite0", weight("efficientnet_lite0")))
    assert source is not None and source.shape == (1280,)
    assert 0 <= source.min() and 0.05 < source.mean() < 2


def table(signal: float, count: int = 200, seed: int = 0) -> FeatureTable:
    features, labels = clouds(count, 30, signal, seed)
    return FeatureTable(features.astype(np.float32), labels, np.arange(count), count)


def test_the_probe_is_ridge_regression() -> None:
    whole = table(1.5)
    right = probe.probe(whole, SETTINGS, strengths=(0.1,))
    expected = np.zeros(len(right), bool)
    for train, judged in folds.cut(whole.labels, whole.groups, 5, 0):
        mean, scale = whole.features[train].mean(0), whole.features[train].std(0)
        x = (whole.features - mean) / scale
        strength = 0.1 * np.maximum(np.linalg.eigvalsh(x[train] @ x[train].T), 0).mean()
        ridge = RidgeClassifier(alpha=strength).fit(x[train], whole.labels[train])
        expected[judged] = ridge.predict(x[judged]) == whole.labels[judged]
    assert (right == expected).mean() > 0.99
    assert 0.6 < right.mean() < 1


def test_the_probe_does_not_learn_noise() -> None:
    assert probe.probe(table(0.0, 300), SETTINGS).mean() == pytest.approx(1 / 3, abs=0.12)


def scores(key: str, right: NDArray[np.bool_]) -> ProbeScores:
    return ProbeScores(CATALOGUE[key], 0.0, None, right, np.zeros(len(right), np.int64))


def test_only_clearly_worse_candidates_are_left_out() -> None:
    best = np.arange(400) < 340
    bad, near = np.arange(400) < 300, np.arange(400) < 337
    probed = [scores("mobilenet", near), scores("vgg16", bad), scores("xception", best)]
    worse = pruning.clearly_worse(probed)
    assert set(worse) == {"vgg16"}
    assert worse["vgg16"] == ("left out: on 400 photos its probe was right on 75 %, that of Xception on 85 %")
    rows = pruning.rows(probed, worse)
    assert [(row.name, row.dropped) for row in rows] == [
        ("xception", False),
        ("mobilenet", False),
        ("vgg16", True),
    ]


def test_equal_accuracy_on_other_photos_is_not_worse() -> None:
    one, other = np.arange(400) < 200, np.arange(400) >= 210
    assert pruning.clearly_worse([scores("mobilenet", one), scores("vgg16", other)]) == {}


@pytest.mark.parametrize(
    ("rows", "speed", "seconds", "expected"),
    [(1000, 100.0, 100.0, False), (1000, 100.0, 30.0, True), (10_000, 100.0, 100.0, True)],
)
def test_candidates_are_probed_where_the_time_does_not_suffice(
    rows: int, speed: float, seconds: float, expected: bool
) -> None:
    order = [CATALOGUE[key] for key in ("mobilenet_v2", "mobilenet", "efficientnet_lite2")]
    assert pruning.exceeds_time(rows, speed, order, seconds) is expected


def test_few_photos_or_candidates_are_never_probed() -> None:
    assert pruning.can_save_time(800, 5)
    assert not pruning.can_save_time(799, 5) and not pruning.can_save_time(5000, 4)


def test_a_candidate_that_is_surely_too_slow_is_known_by_its_size() -> None:
    vgg = CATALOGUE["vgg16"]
    assert not pruning.surely_too_slow(vgg, {}, 1000, 1.0)  # no speed is known
    assert pruning.surely_too_slow(vgg, {"mobilenet_v2": 100.0}, 1000, 60.0)
    assert not pruning.surely_too_slow(vgg, {"mobilenet_v2": 100.0}, 1000, 300.0)
