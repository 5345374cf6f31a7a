"""`modelmail export`: formats of a finished model, made after its job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infra.cli.export import MADE, NOT_MADE, WRONG, Wish, run
from tests.unit.detection import label_zips, marked_cells
from vm_worker.exports import files, formats
from vm_worker.tasks.detection.delivered import SETTINGS, DeliveredSettings

SIZE = 8
LABELS = ("dark", "light", "猫")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job that had no time for some formats."""
    import keras

    folder = tmp_path_factory.mktemp("job")
    keras.utils.set_random_seed(1)
    photo = keras.Input((SIZE, SIZE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(photo))
    model = keras.Model(photo, keras.layers.Dense(len(LABELS), activation="softmax")(pooled))
    files.save(model, folder / files.H5)
    files.write_labels(LABELS, folder / files.LABELS)
    rows = [{"format": key, "state": "left_out" if key == "keras" else "made"} for key in formats.FORMATS]
    report = {
        "exports": rows,
        "winner": {"title": "Tiny"},
        "job": {"options": {"seed": 3}},
        "test": {"accuracy": 0.9, "interval": [0.8, 0.95]},
        "unsure": {"threshold": 0.4},
        "licence": {"name": "none"},
    }
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["exports"]
    return {row["format"]: row for row in rows}


@pytest.mark.slow
def test_what_the_report_names_as_left_out_is_made(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Wish(job, as_json=True)) == MADE
    rows = said(capsys)
    assert list(rows) == ["keras"]
    assert (rows["keras"]["state"], rows["keras"]["images"], rows["keras"]["agreement"]) == ("made", 64, 1.0)
    assert (job / "model.keras").is_file() and not list(job.glob("*.npy"))


@pytest.mark.slow  # converts and loads in processes of their own
def test_formats_are_made_and_proved_on_the_jobs_photos(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, others = _photos(tmp_path / "own", LABELS), _photos(tmp_path / "others", ("one", "two"))
    assert run(Wish(job, "onnx,tflite_int8,service", own, as_json=True)) == MADE
    rows = said(capsys)
    assert list(rows) == ["tflite", "service", "tflite_int8", "onnx"]
    assert {row["state"] for row in rows.values()} == {"made"} and rows["onnx"]["images"] >= 6
    assert all((job / row["name"]).is_file() for row in rows.values())
    assert run(Wish(job, "tflite", others)) == NOT_MADE


def _photos(folder: Path, names: Sequence[str]) -> Path:
    """A folder of this name for each class, with 12 noisy photos."""
    noise = np.random.default_rng(0)
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(12):
            pixels = noise.integers(80 * label, 80 * label + 90, (20, 20, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """The folder of a job whose model finds coloured cells."""
    folder = tmp_path / "detector"
    folder.mkdir()
    files.save(marked_cells.model(), folder / files.H5)
    files.write_labels(marked_cells.CLASSES, folder / files.LABELS)
    (folder / SETTINGS).write_bytes(marked_cells.bundle().settings)
    return folder


@pytest.mark.slow
def test_a_detector_is_proved_by_its_boxes(detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Wish(detector, "keras", as_json=True)) == MADE
    row = said(capsys)["keras"]
    assert (row["state"], row["agreement"], row["images"]) == ("made", 1.0, 16)


@pytest.mark.slow  # converts, packs and serves
def test_so_is_its_service_and_by_the_jobs_photos(detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = label_zips.write(detector.parent / "photos.zip", label_zips.cvat_coco(label_zips.photos(60)))
    assert run(Wish(detector, "service", as_json=True)) == MADE
    rows = said(capsys)
    assert {name: row["state"] for name, row in rows.items()} == {"tflite": "made", "service": "made"}
    assert run(Wish(detector, "keras", photos)) == NOT_MADE
    assert "has other classes than the model" in capsys.readouterr().out.replace("\n", " ")
    known = DeliveredSettings(("cat", "dog"), marked_cells.TILED)
    known.write(detector / SETTINGS)
    files.write_labels(known.classes, detector / files.LABELS)
    assert run(Wish(detector, "tflite_int8,service", photos, as_json=True)) == MADE
    rows = said(capsys)
    assert rows["service"]["agreement"] == 1.0 and rows["tflite_int8"]["state"] == "made"


def test_a_wrong_command_is_told(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Wish(tmp_path)) == WRONG
    assert "give the folder that holds the job's files" in capsys.readouterr().out.replace("\n", " ")
    assert run(Wish(job, "onxx")) == WRONG
    assert "--formats holds 'onxx'; it may hold h5, keras" in capsys.readouterr().out
    assert run(Wish(job, "tflite_int8")) == WRONG
    assert "--photos" in capsys.readouterr().out
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in (files.H5, files.LABELS, "report.json"):
        (bare / name).write_bytes((job / name).read_bytes())
    (bare / "report.json").write_text(json.dumps({"exports": [{"format": "onnx", "state": "made"}]}))
    assert run(Wish(bare)) == MADE
    assert "has made all its formats" in capsys.readouterr().out
    (bare / "report.json").write_text("[]")
    assert run(Wish(bare)) == WRONG
    (bare / "report.json").write_text("{")
    assert run(Wish(bare)) == WRONG


def test_labels_of_another_model_are_refused(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / files.H5).write_bytes((job / files.H5).read_bytes())
    (tmp_path / files.LABELS).write_text("one\n")
    assert run(Wish(tmp_path, "keras")) == NOT_MADE
    assert "labels.txt has 1 lines, and the model 3 answers" in capsys.readouterr().out
