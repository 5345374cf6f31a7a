"""The stages of a detection after its training, with a detector of random weights: figures, files, report, mail."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import pytest
from PIL import Image

from jobs import tasks as rows
from jobs.job import Job, Stage, Status
from jobs.limits import Limits
from jobs.mail.letters import Letterhead, compose
from jobs.options import Options
from jobs.render import render
from tests.contract.test_task import Parent
from tests.unit.detection import label_zips
from tests.unit.report.pages import Page
from vm_worker.exports import files
from vm_worker.results.candidates import CandidateRow, Selected
from vm_worker.results.trials import TrialRow, Tuned
from vm_worker.spec import Done, Spec
from vm_worker.stages.run import run_stages
from vm_worker.tasks.detection import learning
from vm_worker.tasks.detection.delivered import DeliveredSettings, with_one_output
from vm_worker.tasks.detection.engine import network
from vm_worker.tasks.detection.engine.decode import Decoding
from vm_worker.tasks.detection.engine.detect import Settings
from vm_worker.tasks.detection.engine.sides import Sides

SIDES = Sides(64, 96)
GENES = {"epochs": 3, "steps_an_epoch": 53, "learning_rate": 0.0058, "threshold": 0.2, "overlap": 0.5}
BAD = {**GENES, "f1": 0.1, "usable": False}
WHOLE = Settings(SIDES.height, SIDES.width, decoding=Decoding(threshold=0.2))


def _base(sides: Sides) -> keras.Model:
    x = image = keras.Input((sides.height, sides.width, 3))
    for channels in (4, 8, 8, 8, 8):
        x = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(image, x, name="tiny")


@dataclass(frozen=True)
class Finished:
    """A job whose stages have all run."""

    folder: Path
    done: dict[Stage, Done]
    report: dict[str, Any]


def _done() -> dict[str, Done]:
    row = CandidateRow(
        "efficientnet_lite0",
        "Lite0",
        None,
        None,
        None,
        1000,
        1.0,
        "chosen",
        "",
        validation_score=1.5,
        metric="count_error",
    )
    trial = TrialRow(
        1, "rule", BAD, state="kept", note="3 of 9 epochs fitted", validation_score=1.5, metric="count_error"
    )
    selected = Selected(row.name, (row,), (), "It is the only one.", 10.0, 10.0)
    tuned = Tuned(False, (trial,), (), None, None, None, 1.5, "count_error")
    return {
        Stage.SELECT: Done(selected.to_json(), 1.0),
        Stage.TUNE: Done(tuned.to_json(), 1.0),
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run all stages but the training."""
    folder = tmp_path_factory.mktemp("detection")
    upload = label_zips.write(folder / "photos.zip", label_zips.cvat_coco(label_zips.photos(60)))
    out = folder / "out"
    out.mkdir()
    keras.utils.set_random_seed(1)
    detector = network.detector(_base, SIDES, 2)
    # Of random weights: a bias gives all scores about 0.27, so that there are marks of every kind.
    detector.head.get_layer("logit").bias.assign([-1.0, -1.1])
    files.save(with_one_output(detector.whole), out / learning.DETECTOR)
    DeliveredSettings(("cat", "dog"), WHOLE).write(out / learning.SETTINGS)
    options = Options(minutes=10, task="detection", exports=("h5",))
    began = "2026-01-01T00:00:00+00:00"
    spec = Spec("abcdefgh", upload, out, options, Limits(), 600.0, began, began)
    parent = Parent()
    run_stages(replace(spec, done=_done()), parent)
    return Finished(out, parent.done, json.loads((out / "report.json").read_text(encoding="utf-8")))


@pytest.mark.timeout(300)
def test_the_figures_add_up(finished: Finished) -> None:
    found = finished.report["detection"]
    scores = found["scores"]
    assert found["images"] == 12 and found["classes"] == ["cat", "dog"]
    assert scores["found"] <= scores["labelled"] == sum(photo["labelled"] for photo in found["photos"])
    counted = sum(photo["counted"] for photo in found["photos"])
    assert scores["found"] + scores["false"] == counted > 0
    assert sum(bucket["labelled"] for bucket in found["sizes"]) in (0, scores["labelled"])
    assert finished.report["dataset"]["classes"] == ["cat", "dog"]
    assert finished.report["headline"].startswith(f"Found {scores['found']} of {scores['labelled']} objects, missed ")


@pytest.mark.timeout(300)
def test_each_file_is_proved_by_its_boxes(finished: Finished) -> None:
    proved = {row["name"]: row for row in finished.report["exports"]}
    assert {name: row["state"] for name, row in proved.items()} == {"model.h5": "made"}
    assert all(row["agreement"] == 1.0 and row["images"] == 12 for row in proved.values())
    assert (finished.folder / "labels.txt").read_text(encoding="utf-8") == "cat\ndog\n"
    assert DeliveredSettings.read(finished.folder / "detection.json").settings == WHOLE


@pytest.mark.timeout(300)
def test_page_card_and_mail_say_what_was_measured(finished: Finished) -> None:
    report, headline = finished.report, finished.report["headline"]
    text = Page((finished.folder / "report.html").read_text("utf-8")).text
    assert (
        headline in text and "The training (3 epochs of 53 steps, learning rate 0.0058, threshold 0.2) finds " in text
    )
    assert "Give it more minutes: 3 of 9 epochs fitted." in text
    assert headline in (finished.folder / "model_card.md").read_text("utf-8")
    row = rows.row_of(report)
    assert headline in Page(render(row.page, report={**report, "files_url": ""}, pictures={}, heading="h2")).text
    job = Job("a" * 22, "ada@example.org", "0" * 64, datetime(2026, 1, 1, tzinfo=UTC), status=Status.DONE)
    mail = compose(job, "report", Letterhead("m@example.org", "o@example.org", "http://here", "secret"), report, {})
    assert mail.subject.startswith("Not solvable with these photos: it found 0 of ") and headline in mail.text
    told = "Not solvable with these photos and settings: the training does not count the validation photos usably"
    assert told in text and told in " ".join(mail.text.split()) and report["good_enough"] is False
    assert "/detection.json" in mail.text and "/detection.json" in mail.html
    assert (
        "THE LARGEST ERRORS\nThe test photos whose counts are furthest off.\n(photo, labelled, counted, found)\n- "
        in mail.text
    )


@pytest.mark.timeout(300)
def test_photos_are_drawn_for_the_page_and_not_for_the_mail(finished: Finished) -> None:
    pictures = finished.report["detection"]["pictures"]
    assert pictures == ["worst.jpg", "crowded.jpg", "unlabelled.jpg", "thresholds.jpg"]
    for name in pictures:
        with Image.open(finished.folder / name) as image:
            assert image.width > 100 and len(set(image.convert("L").tobytes())) > 50
    assert list(finished.report["pictures"]) == pictures  # so that the page says that small copies stay
    assert finished.report["mail_pictures"] == ["curves.png", "counts.png"]


@pytest.mark.timeout(300)
def test_the_page_shows_what_other_thresholds_would_find(finished: Finished) -> None:
    """Without a script: the page's policy allows none."""
    html = (finished.folder / "report.html").read_text("utf-8")
    sheet = finished.report["detection"]["sheet"]
    chosen, scores = sheet["steps"][sheet["chosen"]], finished.report["detection"]["scores"]
    assert (chosen["threshold"], chosen["found"], chosen["unlabelled"]) == (0.2, scores["found"], scores["false"])
    assert html.count('type="radio" name="threshold"') == len(sheet["steps"]) and html.count(" checked>") == 1
    assert html.count("<rect class=") == len(sheet["marks"]) > 0 and "<script" not in html
    with Image.open(finished.folder / "thresholds.jpg") as image:
        assert image.size == (sheet["width"], sheet["height"])


@pytest.mark.timeout(300)
def test_marks_without_a_label_can_be_taken_into_an_annotation_tool(finished: Finished) -> None:
    finds = json.loads((finished.folder / "unlabelled.coco.json").read_text("utf-8"))
    assert len(finds["annotations"]) == finished.report["detection"]["scores"]["false"]
    assert 'href="unlabelled.coco.json" download' in (finished.folder / "report.html").read_text("utf-8")
