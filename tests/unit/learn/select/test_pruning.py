"""Selection in little time: candidates that get a few photos only, and the time that is kept for later work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.learn.select.known_networks import CLASSES, IMAGES, OPTIONS, SPEED, WIDTH, KnownNetworks, dataset, run
from vm_worker.learn.budget import Budget
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import KERAS_H5, WeightFile
from vm_worker.learn.progress_events import LearningProgress
from vm_worker.learn.select.pairs import together
from vm_worker.learn.select.quote import relative_cost
from vm_worker.learn.select.selection import Selection, SelectionRequest, select
from vm_worker.learn.select.time_shares import PAIR_TIMES


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


def test_no_candidate_is_probed_where_only_two_could_have_all_photos_after_it(
    networks: KnownNetworks, tmp_path: Path
) -> None:
    outcome, _ = run(networks, tmp_path, 150, None)  # all probes would take 90 s, and tuning wants the rest
    assert outcome.pruning == ()
    assert len(networks.sent[outcome.winner]) >= IMAGES * 4 // 5


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
    known = {(SPEED[key] / factor, factor * works[key]) for key in SPEED for factor in (1.0, PAIR_TIMES)}
    known |= {
        (SPEED[key] / (1 + relative_cost(CATALOGUE[other], CATALOGUE[key])), works[key] + works[other])
        for key in SPEED
        for other in SPEED
    }
    known |= {(together(SPEED[one], SPEED[two]), works[one] + works[two]) for one in SPEED for two in SPEED}
    assert [one for one in asked if not any(one == pytest.approx(other) for other in known)] == []


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
