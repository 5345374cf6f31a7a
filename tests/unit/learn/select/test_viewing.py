"""What was selected learns from random views of the photos, too, as many as the time allows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.learn.select.known_networks import IMAGES, OPTIONS, KnownNetworks, run

LEARNT = IMAGES * 4 // 5  # photos of training and validation
ALONE = replace(OPTIONS, candidates=("mobilenet_v2",), epochs=40)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the networks' photos for few."""
    monkeypatch.setattr("vm_worker.learn.heads.folds.ENOUGH", IMAGES)


def views_sent(networks: KnownNetworks, key: str) -> int:
    """Return how many times every photo went through the network after the first time."""
    counts = np.bincount(networks.sent[key], minlength=IMAGES)
    return int(np.sort(counts)[-LEARNT:].min()) - 1


def test_the_winner_learns_from_views_and_its_row_says_so(networks: KnownNetworks, few: None, tmp_path: Path) -> None:
    networks.signal["mobilenet_v2"] = 1.5
    plain, _ = run(networks, tmp_path, 2_000, options=ALONE)
    outcome, _ = run(networks, tmp_path, 2_000, options=ALONE, views=3)
    (before,), (row,) = plain.candidates, outcome.candidates
    assert views_sent(networks, "mobilenet_v2") == 1 + 3  # the first run sent every photo once
    assert row.validation_loss is not None and before.validation_loss is not None
    assert row.validation_loss < before.validation_loss
    assert "learnt from 3 random views of each photo, too, before which its" in row.note
    assert row.note.endswith(f"cross-entropy was {before.validation_loss:.3f}")
    assert outcome.note == plain.note  # candidates are compared without views
    assert np.abs(outcome.head.kernel - plain.head.kernel).max() > 0.01
    assert outcome.bar is not None and plain.bar is not None and not np.allclose(outcome.bar, plain.bar)


def test_views_that_lead_astray_are_not_learnt_from(networks: KnownNetworks, few: None, tmp_path: Path) -> None:
    networks.astray = True
    plain, _ = run(networks, tmp_path, 2_000, options=ALONE)
    outcome, _ = run(networks, tmp_path, 2_000, options=ALONE, views=3)
    assert views_sent(networks, "mobilenet_v2") == 1 + 3
    assert outcome.candidates[0].note == plain.candidates[0].note
    assert outcome.candidates[0].validation_loss == plain.candidates[0].validation_loss
    np.testing.assert_array_equal(outcome.head.kernel, plain.head.kernel)


@pytest.mark.parametrize(("seconds", "views"), [(20.0, 0), (33.0, 1), (45.0, 2), (90.0, 3)])
def test_there_are_as_many_views_as_the_time_allows(
    networks: KnownNetworks, few: None, tmp_path: Path, seconds: float, views: int
) -> None:
    run(networks, tmp_path, seconds, options=ALONE, views=3, finishing=lambda speed, gflops: 5.0)
    assert views_sent(networks, "mobilenet_v2") == views
    assert networks.now <= 1000 + seconds


def test_both_networks_of_a_pair_learn_from_views(networks: KnownNetworks, few: None, tmp_path: Path) -> None:
    networks.signal.update(mobilenet=1.6, mobilenet_v2=1.6)
    options = replace(ALONE, candidates=("mobilenet_v2", "mobilenet"))
    outcome, _ = run(networks, tmp_path, 2_000, options=options, views=2)
    assert outcome.pair is not None
    assert [views_sent(networks, key) for key in options.candidates] == [2, 2]
    assert all("learnt from 2 random views" in row.note for row in outcome.candidates)
    assert outcome.pair.figures.partner.result.views == 2


def test_time_for_views_is_kept_from_further_candidates(networks: KnownNetworks, few: None, tmp_path: Path) -> None:
    options = replace(OPTIONS, candidates=("mobilenet_v2", "efficientnet_lite0"))
    with_views, _ = run(networks, tmp_path, 60, options=options, views=3)
    without, _ = run(networks, tmp_path, 60, options=options)
    states = [{row.name: row.state for row in one.candidates} for one in (with_views, without)]
    assert states[0]["mobilenet_v2"] == "dropped" and states[1]["mobilenet_v2"] != "dropped"


def test_many_photos_leave_their_time_to_tuning(networks: KnownNetworks, tmp_path: Path) -> None:
    run(networks, tmp_path, 2_000, options=ALONE, views=3)
    assert views_sent(networks, "mobilenet_v2") == 0
