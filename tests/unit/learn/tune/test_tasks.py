"""The tasks of tuning: each in its order, weights that load again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.options import Options
from tests.unit.learn.tune.subjects import BOTH, Subject, subject
from vm_worker.intake.dataset import Part
from vm_worker.learn.heads.linear import Head
from vm_worker.learn.judge.predict import predict
from vm_worker.learn.judge.scores import Score, score
from vm_worker.learn.networks import assemble
from vm_worker.learn.tune import tasks
from vm_worker.learn.tune.recipe import MIXED, Recipe
from vm_worker.learn.tune.tuning_inputs import SelectedNetwork, TuningInputs, write_inputs

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module", params=BOTH)
def about(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    yield from subject(request.param, tmp_path_factory.mktemp("network"))


def poor(about: Subject) -> Head:
    """Return an untrained head, so that any training is better; its strength and epochs keep refitted heads poor."""
    return about.head(strength=3.0, epochs=0)


@pytest.fixture(scope="module")
def tuning_inputs(about: Subject, tmp_path_factory: pytest.TempPathFactory) -> TuningInputs:
    chosen = SelectedNetwork(about.weight, poor(about))
    return write_inputs(about.photos, chosen, Options(epochs=4), tmp_path_factory.mktemp("trials"))


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

    def __init__(self, about: Subject, weights: Path) -> None:
        self._photos, self._size = about.photos, about.size
        self._model = assemble.delivered(about.weight, poor(about), weights)

    def load(self, weights: Path) -> None:
        self._model.load_weights(str(weights))

    def probabilities(self, part: Part) -> NDArray[np.float32]:
        return predict(self._model, self._photos.pixels(self._size), self._photos.rows(part))

    def score(self, part: Part) -> Score:
        return score(self.probabilities(part), self._photos.truth.labels[self._photos.rows(part)])


def small(cut: str, rate: float) -> Recipe:
    return Recipe(cut, epochs=2, rate=rate, batch=16, dropout=0.2, augmentation=MIXED)


def test_a_survey_measures_the_network_and_its_cuts(about: Subject, tuning_inputs: TuningInputs) -> None:
    assert ask(tuning_inputs, "survey", images_per_second=1e6)["frozen"] == 1e-6  # believed where it is a faster form's
    survey = ask(tuning_inputs, "survey", images_per_second=1.0)
    assert 0 < survey["frozen"] < 1.0
    shares = list(survey["share_above"].values())
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0) and 0 < shares[0]
    above = list(survey["activations_above"].values())
    assert above == sorted(above) and above[0] > about.features
    assert survey["forward"] > 0 and survey["view_seconds"] > 0
    assert survey["activations_at"]["image"] == about.size**2 * 3 < above[-1]


def test_every_task_in_its_order_ends_in_weights_that_load(about: Subject, tuning_inputs: TuningInputs) -> None:
    recipe = small(about.cut, 1e-3 if about.size > 8 else 0.05)  # the tiny network has learnt nothing before
    prepared = ask(tuning_inputs, "prepare", cut=about.cut)
    assert prepared["seen"] == 2 and prepared["head"]["accuracy"] <= 1 / 3 + 0.1  # a head trained for 0 epochs
    weights = tuning_inputs.folder / "one.weights.h5"
    result = ask(tuning_inputs, "trial", recipe=recipe.to_json(), weights=str(weights))
    assert result["state"] == "ended" and len(result["errors"]) == 2 == len(result["points"])
    assert weights.exists() and np.load(tuning_inputs.folder / "one.weights.npy").shape == (12, 3)
    model = Delivered(about, weights)
    judged = model.score(Part.VALIDATION)
    assert judged.error == pytest.approx(result["score"]["error"], abs=5e-3)  # half precision below the cut
    last = tuning_inputs.folder / "last.weights.h5"
    still = {"recipe": replace(recipe, rate=1e-9).to_json(), "epochs": 1, "start": str(weights)}
    ended = ask(tuning_inputs, "final", weights=str(last), cut=about.cut, training=still)
    assert ended == {"state": "ended", "epochs": 1}
    model.load(last)
    gone_on = model.score(Part.VALIDATION)
    assert gone_on.error == pytest.approx(judged.error, abs=1e-3)  # at no rate nothing changes
    final = {"recipe": recipe.to_json(), "epochs": 2, "start": ""}
    assert ask(tuning_inputs, "final", weights=str(weights), cut=about.cut, training=final)["state"] == "ended"
    model.load(weights)
    probabilities = model.probabilities(Part.TEST)
    truth = about.photos.truth.labels[about.photos.rows(Part.TEST)]
    assert (probabilities.argmax(1) == truth).mean() > 0.6
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_a_repeated_trial_has_the_same_errors(about: Subject, tuning_inputs: TuningInputs) -> None:
    recipe, weights = small(about.cut, 1e-3).to_json(), str(tuning_inputs.folder / "x.weights.h5")
    one, other = (ask(tuning_inputs, "trial", recipe=recipe, weights=weights) for _ in range(2))
    assert one["errors"] == pytest.approx(other["errors"], abs=1e-4)


def test_without_time_a_task_says_so(about: Subject, tuning_inputs: TuningInputs, tmp_path: Path) -> None:
    recipe = small(about.lower, 1e-3).to_json()  # its activations are not there yet
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
