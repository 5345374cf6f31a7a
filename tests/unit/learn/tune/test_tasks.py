"""The tasks of tuning, on a pretrained network: each in its order, weights that load again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.options import Options
from tests.unit.learn.photos import weight
from vm_worker.intake.dataset import Part
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.judge.scores import Score, score
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.learn.networks import assemble
from vm_worker.learn.tune import tasks
from vm_worker.learn.tune.recipe import MIXED, Recipe
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, TuningInputs, write_inputs

KEY = "efficientnet_lite0"


def poor_head() -> Head:
    """Return an untrained head, so that any training is better; its strength and epochs keep refitted heads poor."""
    return Head(
        np.zeros(1280, np.float32),
        np.ones(1280, np.float32),
        np.zeros((1280, 3), np.float32),
        np.zeros(3, np.float32),
        strength=3.0,
        epochs=0,
    )


@pytest.fixture(scope="module")
def tuning_inputs(photos: LabelledPhotos, tmp_path_factory: pytest.TempPathFactory) -> TuningInputs:
    folder = tmp_path_factory.mktemp("trials")
    return write_inputs(photos, SelectedNetwork(weight(KEY), poor_head()), Options(epochs=4), folder)


def ask(tuning_inputs: TuningInputs, do: str, **task: Any) -> Mapping[str, Any]:
    whole: dict[str, Any] = {
        "do": do,
        "inputs": tuning_inputs.to_json(),
        "seconds": 300.0,
        "views": {"count": 2, "live": False},
    }
    compared: dict[str, Any] = {"key": "0" * 40, "search": "none", "rivals": []}
    return tasks.work({**whole, **compared, **task}, lambda report: None)


class Delivered:
    """The model of the job with one file of weights after the other: to build it takes far longer than to load them."""

    def __init__(self, photos: LabelledPhotos, weights: Path) -> None:
        self._photos = photos
        self._model = assemble.delivered(weight(KEY), poor_head(), weights)

    def load(self, weights: Path) -> None:
        self._model.load_weights(str(weights))

    def probabilities(self, part: Part) -> NDArray[np.float32]:
        return predict(self._model, self._photos.pixels(224), self._photos.rows(part))

    def score(self, part: Part) -> Score:
        return score(self.probabilities(part), self._photos.truth.labels[self._photos.rows(part)])


CUT = "block6b_expand_conv"
SMALL = Recipe(CUT, epochs=2, rate=1e-3, batch=16, dropout=0.2, augmentation=MIXED)


def test_every_task_in_its_order_ends_in_weights_that_load(photos: LabelledPhotos, tuning_inputs: TuningInputs) -> None:
    assert ask(tuning_inputs, "survey", images_per_second=1e6)["frozen"] == 1e-6  # believed where it is a faster form's
    survey = ask(tuning_inputs, "survey", images_per_second=1.0)
    assert 0 < survey["frozen"] < 1.0
    shares = list(survey["share_above"].values())
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0) and 0 < shares[0] < 0.5
    above = list(survey["activations_above"].values())
    assert above == sorted(above) and above[0] > 1280 and above[-1] > 10 * survey["activations_at"]["image"]
    assert survey["forward"] > 0 and survey["view_seconds"] > 0 and survey["activations_at"]["image"] == 224 * 224 * 3
    prepared = ask(tuning_inputs, "prepare", cut=CUT)
    assert prepared["seen"] == 2 and prepared["head"]["accuracy"] <= 1 / 3 + 0.1  # a head trained for 0 epochs
    weights = tuning_inputs.folder / "one.weights.h5"
    result = ask(tuning_inputs, "trial", recipe=SMALL.to_json(), weights=str(weights))
    assert result["state"] == "ended" and len(result["errors"]) == 2 == len(result["points"])
    assert weights.exists() and np.load(tuning_inputs.folder / "one.weights.npy").shape == (12, 3)
    model = Delivered(photos, weights)
    judged = model.score(Part.VALIDATION)
    assert judged.error == pytest.approx(result["score"]["error"], abs=5e-3)  # half precision below the cut
    last = tuning_inputs.folder / "last.weights.h5"
    still = {"recipe": replace(SMALL, rate=1e-9).to_json(), "epochs": 1, "start": str(weights)}
    assert ask(tuning_inputs, "final", weights=str(last), cut=CUT, training=still) == {"state": "ended", "epochs": 1}
    model.load(last)
    gone_on = model.score(Part.VALIDATION)
    assert gone_on.error == pytest.approx(judged.error, abs=1e-3)  # at no rate nothing changes
    final = {"recipe": SMALL.to_json(), "epochs": 2, "start": ""}
    assert ask(tuning_inputs, "final", weights=str(weights), cut=CUT, training=final)["state"] == "ended"
    model.load(weights)
    probabilities = model.probabilities(Part.TEST)
    assert (probabilities.argmax(1) == photos.truth.labels[photos.rows(Part.TEST)]).mean() > 0.6
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_repeated_trial_has_the_same_errors(tuning_inputs: TuningInputs) -> None:
    one, other = (
        ask(tuning_inputs, "trial", recipe=SMALL.to_json(), weights=str(tuning_inputs.folder / "x.weights.h5"))
        for _ in range(2)
    )
    assert one["errors"] == pytest.approx(other["errors"], abs=1e-4)


def test_without_time_a_task_says_so(tuning_inputs: TuningInputs, tmp_path: Path) -> None:
    recipe = replace(SMALL, cut="block6a_expand_conv").to_json()  # its activations are not there yet
    assert ask(tuning_inputs, "trial", recipe=recipe, weights=str(tmp_path / "w"), seconds=-1.0) == {
        "state": "out_of_time"
    }


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        (Score(0.9, 1.0), Score(0.8, 0.1), True),
        (Score(0.9, 0.1), Score(0.9, 0.2), True),
        (Score(0.9, 0.2), Score(0.9, 0.2), False),
        (Score(0.8, 0.1), Score(0.9, 0.2), False),
    ],
)
def test_better_is_higher_accuracy_or_the_same_with_lower_loss(one: Score, other: Score, better: bool) -> None:
    assert one.better_than(other) is better
