"""Heads beside scikit-learn's LogisticRegression with C chosen on validation, on the same features and splits.

    MODELMAIL_BENCH_PHOTOS=photos.zip pytest tests/benchmarks/heads.py -o python_files='*.py' -m "" -s

Features are EfficientNet-Lite0's, of scikit-learn's digits as pictures and of the photos that the variable names.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from jobs.limits import Limits
from tests.benchmarks.shrunk import digits
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.features import engines, extraction
from vm_worker.learn.heads import head_validation, linear
from vm_worker.learn.heads.forms import FeatureTable
from vm_worker.learn.heads.linear import FeatureRows, HeadSettings
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import build
from vm_worker.learn.networks.weights import find
from vm_worker.tasks.uploads import take_in

KEY, SIZE, EPOCHS, SEEDS = "efficientnet_lite0", 224, 40, 5
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # scikit-learn's C
LIMIT = 0.005


@dataclass(frozen=True)
class Row:
    """Test accuracy after training on train alone, and on train+validation; seconds of processor time."""

    alone: float
    both: float
    seconds: float


@pytest.mark.timeout(1800)
def test_heads_beside_logistic_regression(tmp_path: Path) -> None:
    print(
        f"\n{'set':<16}{'images':>8}{'LR train':>10}{'t+v':>8}{'ours train':>12}{'t+v':>8}"
        f"{'difference':>12}{'CPU s':>8}{'ours':>7}"
    )
    sources = {"digits": digits(tmp_path, 60, 0)}
    if os.environ.get("MODELMAIL_BENCH_PHOTOS"):
        sources["photos"] = Path(os.environ["MODELMAIL_BENCH_PHOTOS"])
    for name, source in sources.items():
        request = IntakeRequest(source, tmp_path / name, (SIZE,), 0, Limits(), 2)
        dataset = take_in(request, lambda part, text: None)
        found = _features(dataset)
        for count in (len(found) * 4 // 5, 240):
            pairs = [_pair(found, dataset.truth.labels, count, seed) for seed in range(SEEDS)]
            theirs, ours = (_mean([pair[side] for pair in pairs]) for side in (0, 1))
            print(
                f"{name:<16}{count:>8}{theirs.alone:>10.4f}{theirs.both:>8.4f}{ours.alone:>12.4f}{ours.both:>8.4f}"
                f"{ours.both - theirs.both:>+12.4f}{theirs.seconds:>8.1f}{ours.seconds:>7.1f}",
                flush=True,
            )
            # The margin of the promise, and two standard errors of the mean difference of so many seeds.
            spread = np.std([pair[1].both - pair[0].both for pair in pairs]) / np.sqrt(SEEDS)
            assert ours.both >= theirs.both - LIMIT - 2 * spread


def _features(dataset: LabelledPhotos) -> NDArray[np.float32]:
    weights, _ = find([KEY], os.environ.get("MODELMAIL_WEIGHTS", ""), download=False)
    rows = np.arange(len(dataset.names), dtype=np.int64)
    engine = engines.by_keras(build.extractor(KEY, weights[KEY]))
    return extraction.in_memory(engine, extraction.Source(dataset.pixels(SIZE), rows))


def _pair(found: NDArray[np.float32], labels: NDArray[np.int64], count: int, seed: int) -> tuple[Row, Row]:
    known, test = train_test_split(np.arange(len(labels)), train_size=count, stratify=labels, random_state=seed)
    train, validation = train_test_split(known, test_size=0.25, stratify=labels[known], random_state=seed)
    return _regression(found, labels, (train, validation, test)), _ours(found, labels, (train, validation, test), seed)


Parts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


def _regression(found: NDArray[np.float32], labels: NDArray[np.int64], parts: Parts) -> Row:
    train, validation, test = parts
    started = time.process_time()
    mean, scale = linear.standardisation(found[train])
    x = (found - mean) / scale
    fits = [LogisticRegression(C=c, max_iter=1000).fit(x[train], labels[train]) for c in STRENGTHS]
    best = max(fits, key=lambda fit: fit.score(x[validation], labels[validation]))
    known = np.concatenate([train, validation])
    again = LogisticRegression(C=best.C, max_iter=1000).fit(x[known], labels[known])
    alone, both = (float(fit.score(x[test], labels[test])) for fit in (best, again))
    return Row(alone, both, time.process_time() - started)


def _ours(found: NDArray[np.float32], labels: NDArray[np.int64], parts: Parts, seed: int) -> Row:
    train, validation, test = parts
    started = time.process_time()
    known = np.concatenate([train, validation])
    table = FeatureTable(found[known], labels[known], np.arange(len(known)), len(train))
    settings = HeadSettings(int(labels.max()) + 1, EPOCHS, seed)
    result = head_validation.validate(table, settings)
    head = head_validation.refit(table, settings, result)
    seconds = time.process_time() - started
    strength = HeadSettings(settings.classes, EPOCHS, seed, (result.strength,))
    alone = linear.refit(FeatureRows(found[train], labels[train]), strength, result.epochs)
    scores = (float((one.probabilities(found[test]).argmax(1) == labels[test]).mean()) for one in (alone, head))
    return Row(next(scores), next(scores), seconds)


def _mean(rows: list[Row]) -> Row:
    return Row(*np.mean([(row.alone, row.both, row.seconds) for row in rows], axis=0))
