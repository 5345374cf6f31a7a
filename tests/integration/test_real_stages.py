"""Every stage of a job as it is, in the real child process, over a network so small that the stages alone take time."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from jobs.job import Stage
from jobs.limits import Limits
from jobs.options import Options
from tests.contract.test_task import Finished, check_readers, check_scores
from tests.contract.toys import TOYS
from tests.integration.tiny_network import KEY, ROW, save_weights
from vm_worker.attempt import Attempt
from vm_worker.events import Answer, Ended, ProgressEvent, StageOffer, TrialOffer
from vm_worker.spec import Spec
from vm_worker.tasks.task import load

COLOURS = {"blue": (60, 60, 200), "green": (60, 200, 60), "red": (200, 60, 60)}
SIX = [Stage.INTAKE, Stage.SELECT, Stage.TUNE, Stage.EVALUATE, Stage.EXPORT, Stage.REPORT]
EACH = 24  # photos of a colour
BUDGET = 350.0  # seconds, which a crowded machine may need
PATIENCE = 60.0  # seconds of silence


@dataclass
class Told:
    """What the child has told, and where its files are."""

    folder: Path
    stages: dict[Stage, StageOffer] = field(default_factory=dict)
    trials: list[TrialOffer] = field(default_factory=list)
    progress: list[ProgressEvent] = field(default_factory=list)

    def result(self, stage: Stage) -> Any:
        """The manifest of a stage, as it is stored."""
        return json.loads(json.dumps(self.stages[stage].result))

    def files(self, stage: Stage) -> set[str]:
        return {file.name for file in self.stages[stage].files}


def photo(colour: tuple[int, int, int], random: np.random.Generator) -> NDArray[np.uint8]:
    """16 x 16 noisy pixels of one colour."""
    return np.clip(random.normal(colour, 40, (16, 16, 3)), 0, 255).astype(np.uint8)


def archive(path: Path) -> Path:
    """A zip with a folder for each colour."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as out:
        for name, colour in COLOURS.items():
            for number in range(EACH):
                file = BytesIO()
                Image.fromarray(photo(colour, random)).save(file, "PNG")
                out.writestr(f"{name}/{number}.png", file.getvalue())
    return path


def finished(spec: Spec, home: Path) -> Told:
    """Run the child to its end and agree to all that it offers."""
    told = Told(spec.folder)
    attempt = Attempt(spec, home)
    while not isinstance(event := attempt.next_event(PATIENCE), Ended):
        if isinstance(event, StageOffer):
            told.stages[event.stage] = event
            attempt.answer(Answer(go=event.stage))
        elif isinstance(event, TrialOffer):
            told.trials.append(event)
            attempt.answer(Answer(go=event.key))
        elif isinstance(event, ProgressEvent):
            told.progress.append(event)
        else:
            attempt.stop()
            raise AssertionError(f"{event}\n{(home / 'attempt.log').read_text()}")
    assert attempt.wait() == 0
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One whole job."""
    home = tmp_path_factory.mktemp("job")
    spec = Spec(
        job="abcdefgh",
        dataset=archive(home / "photos.zip"),
        folder=home / "artifacts",
        options=Options(minutes=6, candidates=(KEY,), epochs=4, trials=1, exports=("h5", "keras")),
        limits=Limits(),
        seconds=BUDGET,
        created_at="2026-01-01T00:00:00+00:00",
        started_at="2026-01-01T00:00:10+00:00",
        weights=str(save_weights(home / "weights")),
        stages="tests.integration.patient_stages",
    )
    return finished(spec, home)


def test_all_stages_are_offered_in_their_order_with_files_that_are_there(told: Told) -> None:
    assert list(told.stages) == SIX
    for offer in told.stages.values():
        assert all((told.folder / file.name).stat().st_size > 0 for file in offer.files)
    public = {file.name for offer in told.stages.values() for file in offer.files if file.public}
    private = {file.name for offer in told.stages.values() for file in offer.files if not file.public}
    assert public >= {"model.h5", "model.keras", "labels.txt", "report.html", "report.json", "results.csv"}
    assert public >= {"model_card.md", "curves.png", "confusion.png"}
    assert private >= {"head.npz", "unseen.npz", "judged.npz", "test.npz"}
    assert not public & private
    fractions = [event.fraction for event in told.progress]
    assert fractions == sorted(fractions) and 0 <= fractions[0] and fractions[-1] <= 1


def test_intake_tells_what_was_found(told: Told) -> None:
    found = told.result(Stage.INTAKE)
    assert (found["classes"], found["images"], found["skipped_count"]) == (sorted(COLOURS), 3 * EACH, 0)
    assert {name: sum(counts.values()) for name, counts in found["counts"].items()} == dict.fromkeys(COLOURS, EACH)
    assert len(found["sha256"]) == len(found["split_sha256"]) == 64


def test_selection_names_the_network_and_its_figures(told: Told) -> None:
    selected = told.result(Stage.SELECT)
    assert selected["winner"] == KEY
    (row,) = selected["candidates"]
    assert (row["name"], row["title"], row["state"]) == (KEY, ROW.title, "chosen")
    assert row["validation_accuracy"] > 0.9 and row["validation_accuracy"] == row["validation_score"]
    assert selected["plain_images_per_second"] > 0 and selected["quoted_seconds"] > 0
    assert [point["epoch"] for point in selected["curve"]] == [1, 2, 3, 4]


def test_tuning_tries_the_rule_and_keeps_what_is_better(told: Told) -> None:
    tuned = told.result(Stage.TUNE)
    (trial,) = told.trials
    assert len(trial.key) == 40 and trial.result["state"] == "ended" and trial.result["kind"] == "rule"
    first = tuned["trials"][0]
    assert (first["number"], first["kind"]) == (1, "rule") and first["parameters"]["epochs"] == 4
    assert ("tuned.weights.h5" in told.files(Stage.TUNE)) == tuned["better"]
    assert tuned["better"] == any(row["state"] == "kept" for row in tuned["trials"])
    assert tuned["validation_accuracy"] > 0.9 and 0 < tuned["validation_loss"] < 0.5
    assert (tuned["search"]["algorithm"], tuned["search"]["trials"]) == ("bayesian", 1)


def test_the_test_set_is_judged_and_the_files_are_proved(told: Told) -> None:
    test = told.result(Stage.EVALUATE)["test"]
    assert test["images"] == sum(counts["test"] for counts in told.result(Stage.INTAKE)["counts"].values())
    assert test["accuracy"] > 0.9 and test["interval"][0] < test["accuracy"] <= test["interval"][1]
    assert np.trace(test["confusion"]) == test["correct"] == round(test["accuracy"] * test["images"])
    rows = told.result(Stage.EXPORT)["exports"]
    assert {row["name"]: row["state"] for row in rows} == {"model.h5": "made", "model.keras": "made"}
    for row in rows:
        assert (row["agreement"], row["accuracy"]) == (1.0, pytest.approx(test["accuracy"]))
        assert row["max_difference"] < 1e-5 and row["bytes"] == (told.folder / row["name"]).stat().st_size
    assert (told.folder / "labels.txt").read_text().split() == sorted(COLOURS)


def test_the_report_says_what_the_stages_found(told: Told) -> None:
    report = json.loads((told.folder / "report.json").read_text(encoding="utf-8"))
    assert report["headline"] == told.result(Stage.REPORT)["headline"]
    assert report["winner"]["name"] == KEY and report["winner"]["tuned"] == told.result(Stage.TUNE)["better"]
    assert report["test"]["accuracy"] == told.result(Stage.EVALUATE)["test"]["accuracy"]
    assert set(report["seconds"]) >= set(SIX[:-1])
    assert ROW.attribution in (told.folder / "report.html").read_text(encoding="utf-8")


def test_it_is_told_as_that_of_any_task(told: Told) -> None:
    report = json.loads((told.folder / "report.json").read_text(encoding="utf-8"))
    finished = Finished(told.folder, {}, report)
    check_scores(TOYS["classification"], load("classification"), finished)
    check_readers(finished)


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_the_model_loads_and_knows_new_photos(told: Told, name: str) -> None:
    import keras

    random = np.random.default_rng(1)
    photos = [photo(COLOURS[colour], random)[4:12, 4:12] for colour in sorted(COLOURS) for _ in range(5)]
    said = keras.models.load_model(told.folder / name).predict(np.array(photos, np.float32), verbose=0)
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)
    assert (said.argmax(1) == np.repeat([0, 1, 2], 5)).mean() > 0.9
