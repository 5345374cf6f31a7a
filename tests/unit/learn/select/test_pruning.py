"""Selection in little time: candidates that get a few photos only, and the time that is kept for later work."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.options import Options
from vm_worker.intake.dataset import Dataset
from vm_worker.learn.budget import Budget
from vm_worker.learn.features.engines import Engine
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.progress_events import LearningProgress, LearningQuote
from vm_worker.learn.select.selection import Selection, SelectionRequest, select
from vm_worker.learn.select.time_shares import PAIR_TIMES, Finishing
from vm_worker.tasks.classification.truth import ClassTruth

OPTIONS = Options(epochs=6, trials=0)
IMAGES, CLASSES, WIDTH = 1500, 3, 16
SIGNAL = {"mobilenet_v2": 2.2, "efficientnet_lite0": 0.2, "mobilenet": 1.2, "xception": 2.3, "vgg16": 0.0}
SPEED = {"mobilenet_v2": 100.0, "efficientnet_lite0": 80.0, "mobilenet": 60.0, "xception": 8.0, "vgg16": 2.0}


class KnownNetworks:
    """Networks with known features and speeds, on a clock that only they move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.setup = 0.0
        self.signal = dict(SIGNAL)
        self.sent: dict[str, list[int]] = {key: [] for key in SPEED}
        random = np.random.default_rng(0)
        self.labels = random.permutation(np.arange(IMAGES) % CLASSES)
        self.noise = {key: random.normal(0, 1, (IMAGES, WIDTH)) for key in SPEED}

    def engine(self, key: str, *_: Any) -> Engine:
        def run(images: NDArray[Any]) -> NDArray[np.float32]:
            rows = images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 0, 1]
            self.now += len(rows) / SPEED[key]
            self.sent[key] += rows.tolist()
            signal = np.eye(CLASSES, WIDTH)[self.labels[rows]] * self.signal[key]
            return np.asarray(signal + self.noise[key][rows], np.float32)

        self.now += self.setup + 34 / SPEED[key]  # the time of its measurement
        return Engine("known", run, (WIDTH,), 32, SPEED[key], plain=SPEED[key])


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> KnownNetworks:
    networks = KnownNetworks()
    monkeypatch.setattr(time, "monotonic", lambda: networks.now)
    monkeypatch.setattr("vm_worker.learn.networks.build.extractor", lambda key, weight: key)
    monkeypatch.setattr("vm_worker.learn.networks.depth.deepened", lambda model: model)
    monkeypatch.setattr("vm_worker.learn.features.engines.fastest", networks.engine)
    monkeypatch.setattr("vm_worker.learn.select.p2l.source_features", lambda model: None)
    return networks


def dataset(networks: KnownNetworks, folder: Path) -> LabelledPhotos:
    """Return a dataset whose photos are single pixels that encode their rows."""
    rows = np.arange(IMAGES)
    pixels = np.stack([rows // 256, rows % 256, rows * 0], axis=1).astype(np.uint8).reshape(IMAGES, 1, 1, 3)
    np.save(folder / "pixels.npy", pixels)
    sizes = {CATALOGUE[key].size for key in SPEED}
    return Dataset(
        names=tuple(f"{row}.jpg" for row in rows),
        truth=ClassTruth(tuple("abc"), networks.labels.astype(np.int64)),
        parts=np.resize(np.array([0, 0, 0, 1, 2], np.uint8), IMAGES),
        groups=rows.astype(np.int64),
        images={size: folder / "pixels.npy" for size in sizes},
        skipped=(),
        warnings=(),
        ready_made_split=False,
        sha256="0" * 64,
    )


def run(
    networks: KnownNetworks, folder: Path, seconds: float, trials: int | None = 0, finishing: Finishing | None = None
) -> tuple[Selection, list[Any]]:
    events: list[LearningProgress | LearningQuote] = []
    weights = {key: WeightFile(key, Path(), KERAS_H5) for key in SPEED}
    options = replace(OPTIONS, trials=trials)
    request = SelectionRequest(
        dataset(networks, folder), weights, options, Budget.of(seconds), folder, finishing=finishing
    )
    return select(request, events.append), events


def states(outcome: Selection) -> dict[str, str]:
    return {row.name: row.state for row in outcome.candidates}


def test_clearly_worse_candidates_get_few_photos_and_never_win(networks: KnownNetworks, tmp_path: Path) -> None:
    outcome, events = run(networks, tmp_path, 400)
    assert {key: state for key, state in states(outcome).items() if state == "dropped"} == {
        "efficientnet_lite0": "dropped",
        "mobilenet": "dropped",
        "vgg16": "dropped",
    }
    assert {row.name: row.dropped for row in outcome.pruning} == {
        "mobilenet_v2": False,
        "xception": False,
        "efficientnet_lite0": True,
        "mobilenet": True,
    }
    notes = {row.name: row.note for row in outcome.candidates}
    assert "on 400 photos its probe was right on" in notes["mobilenet"]
    assert "could not finish in time" in notes["vgg16"]
    assert len(networks.sent["mobilenet"]) < 450 and len(networks.sent["vgg16"]) < 150
    assert networks.now <= 1400
    fractions = [event.fraction for event in events if isinstance(event, LearningProgress)]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    check_photos_are_sent_once(networks)


def check_photos_are_sent_once(networks: KnownNetworks) -> None:
    """No photo goes through a network twice."""
    for key in ("mobilenet_v2", "xception"):
        counts = np.bincount(networks.sent[key], minlength=IMAGES)
        # Each call of extract sends one photo first, to trace the graph.
        assert np.sum(counts > 0) == 1200 and counts.sum() <= 1202


def test_no_candidate_is_probed_where_the_time_ends_before_the_last_probe(
    networks: KnownNetworks, tmp_path: Path
) -> None:
    networks.setup = 20.0  # seconds until an engine is ready
    outcome, _ = run(networks, tmp_path, 200)
    assert outcome.pruning == ()
    assert len(networks.sent[outcome.winner]) >= IMAGES * 4 // 5  # all photos of training and validation
    assert networks.now <= 1200


def test_with_time_for_all_no_candidate_is_probed(networks: KnownNetworks, tmp_path: Path) -> None:
    outcome, _ = run(networks, tmp_path, 20_000)
    assert outcome.pruning == ()
    assert set(states(outcome).values()) <= {"chosen", "tied", "evaluated"}


@pytest.mark.parametrize(("seconds", "trials"), [(3, None), (60, 0), pytest.param(200, None, marks=pytest.mark.slow)])
def test_the_budget_is_kept_whatever_the_candidates(
    networks: KnownNetworks, tmp_path: Path, seconds: float, trials: int | None
) -> None:
    outcome, _ = run(networks, tmp_path, seconds, trials)
    assert networks.now - 1000 <= seconds + 3.0  # 128 photos go through the first candidate in any case
    dropped = {row.name for row in outcome.pruning if row.dropped}
    assert outcome.winner not in dropped
    assert outcome.head.kernel.shape == (WIDTH, CLASSES)
    assert set(states(outcome)) == set(SPEED)


def test_time_is_kept_for_the_files_and_for_tuning(networks: KnownNetworks, tmp_path: Path) -> None:
    asked: set[tuple[float, float]] = set()

    def files(speed: float, gflops: float) -> float:
        asked.add((speed, gflops))
        return 200.0

    run(networks, tmp_path, 400, None, files)
    left = 1400 - networks.now
    assert left >= 200 + 90  # tuning needs 90 s and more at 100 photos a second
    works = {key: CATALOGUE[key].gflops for key in SPEED}
    # Of one network, of it and an unknown one, and of it and another of the candidates.
    times = {key: {1.0, PAIR_TIMES, *(1 + work / works[key] for work in works.values())} for key in SPEED}
    known = {(SPEED[key] / factor, factor * works[key]) for key in SPEED for factor in times[key]}
    assert all(any(one == pytest.approx(other) for other in known) for one in asked)


def test_the_findings_name_photos_and_give_a_curve(networks: KnownNetworks, tmp_path: Path) -> None:
    networks.signal["xception"] = 6.0
    labels = networks.labels
    wrong = np.arange(0, 100, 5)  # training rows, by the parts
    networks.labels = labels.copy()
    networks.labels[wrong] = (labels[wrong] + 1) % CLASSES
    data = dataset(networks, tmp_path)
    networks.labels = labels  # the features are still those of the true classes
    weights = {"xception": WeightFile("xception", Path(), KERAS_H5)}
    outcome = select(SelectionRequest(data, weights, OPTIONS, Budget.of(20_000), tmp_path), lambda event: None)
    assert {row.name for row in outcome.suspects[:10]} <= {f"{row}.jpg" for row in wrong}
    assert len(outcome.suspects) >= 10
    assert all(row.label != row.says and row.probability > 0.7 for row in outcome.suspects)
    curve = outcome.findings.learning_curve
    assert curve is not None and [point.share for point in curve.points] == [0.25, 0.5, 1.0]
