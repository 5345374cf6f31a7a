"""Selection as a whole: the candidates evaluated, those left out, and the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from jobs.options import Options
from tests.unit.learn.photos import textures, weight
from tests.unit.learn.tune.subjects import BOTH, subject
from vm_worker.learn.budget import Budget
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import catalogue
from vm_worker.learn.networks.catalogue import CATALOGUE
from vm_worker.learn.networks.weights import WeightFile
from vm_worker.learn.progress_events import LearningProgress, LearningQuote
from vm_worker.learn.select.selection import LEAST_IMAGES, Selection, SelectionRequest, select

ROW = {"name", "title", "validation_accuracy", "validation_interval", "validation_loss"} | {
    "parameters",
    "seconds",
    "state",
    "note",
    "validation_score",
    "metric",
}


@dataclass(frozen=True)
class Contest:
    """Photos and the candidates for them."""

    photos: LabelledPhotos
    weights: dict[str, WeightFile]

    def run(
        self, folder: Path, seconds: float, keys: tuple[str, ...] = (), least_images: int = LEAST_IMAGES
    ) -> tuple[Selection, list[Any]]:
        events: list[LearningProgress | LearningQuote] = []
        weights, options = {key: self.weights[key] for key in keys}, Options(epochs=12)
        request = SelectionRequest(self.photos, weights, options, Budget.of(seconds), folder, least_images=least_images)
        return select(request, events.append), events


@pytest.fixture(scope="module", params=BOTH)
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contest]:
    """Two networks: EfficientNet-Lite0 and Lite1, or the tiny one under two names."""
    folder = tmp_path_factory.mktemp("two")
    if request.param != "tiny":
        keys = ("efficientnet_lite1", "efficientnet_lite0")
        yield Contest(textures(folder, (224, 240), each=20), {key: weight(key) for key in keys})
        return
    for small in subject("tiny", folder):
        file = small.weight
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(CATALOGUE, "mobilenet", replace(CATALOGUE[file.key], key="mobilenet"))
            yield Contest(small.photos, {file.key: file, "mobilenet": replace(file, key="mobilenet")})


def test_all_candidates_are_validated_and_the_best_is_chosen(two: Contest, tmp_path: Path) -> None:
    keys = tuple(two.weights)
    outcome, events = two.run(tmp_path, 3000, keys)
    assert {row.name: row.state for row in outcome.candidates}[outcome.winner] == "chosen"
    assert {row.name for row in outcome.candidates} == set(keys)
    for row in outcome.candidates:
        assert set(row.to_json()) == ROW
        assert row.validation_interval is not None and row.validation_accuracy is not None
        low, high = row.validation_interval
        assert low <= row.validation_accuracy <= high and row.validation_accuracy > 0.8
    assert [point.epoch for point in outcome.curve] == [*range(1, 13)] * 2
    columns = outcome.head.columns  # the tiny network has one depth only
    assert (columns is None) == ("mobilenet" in keys)
    width = CATALOGUE[outcome.winner].features if columns is None else len(columns)
    assert outcome.head.kernel.shape == (width, 3)
    assert (outcome.unseen is None) == (columns is None)  # tuning starts from a head of all depths
    assert outcome.bar is not None and (outcome.bar.argmax(1) == np.repeat(np.arange(3), len(outcome.bar) // 3)).any()
    assert outcome.images_per_second > 0 and outcome.note and outcome.learnt is None
    fractions = [event.fraction for event in events if isinstance(event, LearningProgress)]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_a_candidate_that_cannot_finish_is_left_out_but_the_first_gives_a_head(two: Contest, tmp_path: Path) -> None:
    outcome, _ = two.run(tmp_path, -1, tuple(sorted(two.weights)), least_images=16)
    first, second = outcome.candidates
    assert first.state == "chosen"
    assert first.note.startswith("judged on 32 photos: the time did not allow more")
    assert second.state == "dropped"
    assert second.note == "left out: there was no time left" and second.validation_accuracy is None
    assert np.isfinite(outcome.head.kernel).all() and outcome.learnt == 32


@pytest.mark.parametrize(
    ("seconds", "slowness", "sides"), [(100, 1.0, [224, 288]), (50, 1.0, [224]), (100, 4.0, [224])]
)
def test_with_little_time_a_network_is_tried_at_its_own_side_alone(
    seconds: float, slowness: float, sides: list[int], tmp_path: Path
) -> None:
    photos = SimpleNamespace(images={224: tmp_path, 288: tmp_path})
    weights = {"efficientnet_lite0": WeightFile("efficientnet_lite0", tmp_path, "")}
    budget, dataset = Budget.of(seconds), cast(LabelledPhotos, photos)
    request = SelectionRequest(dataset, weights, Options(), budget, tmp_path, slowness=lambda: slowness)
    assert [catalogue.find(key).size for key in request.candidates()] == sides


def test_without_weights_there_is_nothing_to_select(two: Contest, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no candidate"):
        two.run(tmp_path, 10)
