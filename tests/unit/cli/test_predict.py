"""`modelmail predict`: one row a photo, whatever the photo is."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from infra.cli.predict import BATCH, Question, run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says "dark" of dark photos and "light" of light ones."""
    import keras

    inputs = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(2, activation="softmax")
    network = keras.Model(inputs, dense(mean))
    kernel = np.array([[-0.1, 0.1]] * 3, dtype=np.float32)
    dense.set_weights([kernel, np.array([0.3 * 127, -0.3 * 127], dtype=np.float32)])
    folder = tmp_path_factory.mktemp("model")
    network.save(folder / "model.keras")
    (folder / "labels.txt").write_text("dark\nlight\n")
    return folder / "model.keras"


def _photo(path: Path, grey: int) -> Path:
    from skimage.io import imsave

    imsave(path, np.full((20, 30, 3), grey, dtype=np.uint8), check_contrast=False)
    return path


def test_each_photo_gets_its_class_and_probability(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [_photo(tmp_path / "night.png", 5), _photo(tmp_path / "day.png", 250)]
    assert run(Question(model, photos, as_json=True)) == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)["predictions"]
    assert [row["class"] for row in rows] == ["dark", "light"]
    assert all(row["probability"] > 0.9 and row["error"] is None for row in rows)
    assert f"{tmp_path / 'day.png'}  light  100" in captured.err


def test_a_broken_photo_is_named_and_the_others_are_answered(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    photos = [tmp_path / "broken.jpg", tmp_path / "missing.jpg", _photo(tmp_path / "day.png", 250)]
    assert run(Question(model, photos)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "broken.jpg" in lines[0] and "is not a JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC picture" in lines[0]
    assert "missing.jpg" in lines[1] and "No such file" in lines[1]
    assert re.search(r"light  100(\.0)? %$", lines[2])  # by the processor, 1 or all but 1


@pytest.mark.parametrize("missing", ["model.keras", "labels.txt"])
def test_without_model_or_labels_it_says_which(
    model: Path, tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in {"model.keras", "labels.txt"} - {missing}:
        (tmp_path / name).write_bytes((model.parent / name).read_bytes())
    assert run(Question(tmp_path / "model.keras", [])) == 2
    assert missing in capsys.readouterr().out


def test_a_file_that_is_no_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.h5").write_bytes(b"no model")
    (tmp_path / "labels.txt").write_text("dark\nlight\n")
    assert run(Question(tmp_path / "model.h5", [])) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{tmp_path / 'model.h5'} cannot be read: it is damaged")


def test_a_folder_is_read_to_the_bottom_and_its_litter_left_alone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b/2.png", "a/1.png", "a/.hidden.png", "__MACOSX/3.png"):
        (tmp_path / "many" / name).parent.mkdir(parents=True, exist_ok=True)
        _photo(tmp_path / "many" / name, 250)
    (tmp_path / "many" / "notes.txt").write_text("no photo")
    assert run(Question(model, [tmp_path / "many"], as_json=True)) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert [Path(row["image"]).name for row in rows] == ["1.png", "2.png"]


def test_more_photos_than_a_batch_are_answered_in_their_order(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    greys = [250 if number % 3 else 5 for number in range(BATCH + 3)]
    photos = [_photo(tmp_path / f"{number}.png", grey) for number, grey in enumerate(greys)]
    assert run(Question(model, photos, as_json=True)) == 0
    rows = json.loads(capsys.readouterr().out)["predictions"]
    assert [row["class"] for row in rows] == ["light" if grey > 100 else "dark" for grey in greys]
    assert [row["image"] for row in rows] == [str(path) for path in photos]


def test_a_folder_without_photos_is_said(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run(Question(model, [tmp_path / "empty"])) == 1
    assert "No photos were found" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("report", "unsure", "sure"),
    [
        (None, None, True),
        ({"unsure": {"threshold": 0.99}}, None, False),
        ({"unsure": {"threshold": None}}, None, True),
        ({"unsure": {"threshold": 0.99}}, 0.5, True),
        (None, 0.99, False),
        ("broken", None, True),
    ],
)
def test_a_doubtful_photo_is_not_sure(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], report: object, unsure: float | None, sure: bool
) -> None:
    for name in ("model.keras", "labels.txt"):
        (tmp_path / name).write_bytes((model.parent / name).read_bytes())
    if report is not None:
        (tmp_path / "report.json").write_text(report if isinstance(report, str) else json.dumps(report))
    grey = _photo(tmp_path / "dusk.png", 130)
    assert run(Question(tmp_path / "model.keras", [grey], unsure)) == 0
    assert ("not sure (perhaps light" in capsys.readouterr().out) is not sure


def test_csv_holds_every_photo_and_no_formula(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _photo(tmp_path / "=cmd.png", 250)
    assert run(Question(model, [Path("=cmd.png"), Path("missing.jpg")], as_csv=True)) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["image"] for row in rows] == ["'=cmd.png", "missing.jpg"]
    assert (rows[0]["class"], rows[0]["sure"], rows[1]["class"]) == ("light", "True", "")
    assert "No such file" in rows[1]["error"]


def test_hostile_names_write_no_escape_sequence(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / model.name
    copy.write_bytes(model.read_bytes())
    (tmp_path / "labels.txt").write_text("\x1b]0;title\x07dark\n\x1b[31mlight\u202e\n", encoding="utf-8")
    photos = [_photo(tmp_path / "\x1b[2Jnight\n.png", 5), tmp_path / "\x1b[31mmissing\x07.jpg"]
    for wish in ({}, {"as_json": True}, {"as_csv": True}):
        run(Question(copy, photos, **wish))
        said = capsys.readouterr()
        assert len((said.err if wish else said.out).splitlines()) == 2
        assert not {"\x1b", "\x07", "\u202e"} & set(said.out + said.err), wish
