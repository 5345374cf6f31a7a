"""`modelmail evaluate` and `compare`: the same figures from every format, and honest words on a difference."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from infra.cli.judging import Judged, Wish, compare, difference, evaluate, together
from infra.cli.networks import CannotOpenError, open_network
from infra.cli.predict import Question
from infra.cli.predict import run as predict
from vm_worker.exports import files
from vm_worker.exports.convert import MAKERS, ConversionRequest, Source
from vm_worker.exports.service.runtime.bundle import Bundle, add
from vm_worker.exports.tflite_metadata import ModelFacts

# tf2onnx and TensorFlow's converters use names that NumPy and Keras are about to change.
pytestmark = [
    pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
LABELS = ("dark", "light")
FORMATS = ("model.h5", "model.keras", "model.tflite", "model.onnx", "model.savedmodel.zip", "service.pyz")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of every format that tells dark photos from light ones; and another that is wrong below 200."""
    import keras

    folder = tmp_path_factory.mktemp("job")
    for name, border in (("", 127), ("late", 200)):
        inputs = keras.Input((8, 8, 3))
        dense = keras.layers.Dense(2, activation="softmax")
        network = keras.Model(inputs, dense(keras.layers.GlobalAveragePooling2D()(inputs)))
        bias = np.array([0.3 * border, -0.3 * border], np.float32)
        dense.set_weights([np.array([[-0.1, 0.1]] * 3, np.float32), bias])
        (folder / name).mkdir(exist_ok=True)
        files.save(network, folder / name / "model.h5")
        files.write_labels(LABELS, folder / name / "labels.txt")
    files.save(files.load(folder / "model.h5"), folder / "model.keras")
    np.save(folder / "images.npy", np.zeros((1, 8, 8, 3), np.uint8))
    facts = ModelFacts("a model", "none", LABELS)
    source = Source(ConversionRequest(folder / "model.h5", folder / "images.npy", (0,), facts))
    for key, name in (("tflite", "model.tflite"), ("onnx", "model.onnx"), ("savedmodel", "model.savedmodel.zip")):
        MAKERS[key](source, folder / name)
    with zipfile.ZipFile(folder / "base.pyz", "w") as base:
        base.writestr("__main__.py", "raise SystemExit('it was run')")
    add(folder / "base.pyz", Bundle((folder / "model.tflite").read_bytes(), LABELS, {}), folder / "service.pyz")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[Path]:
    """Four dark photos and four light ones, one of each kind on the other side of 127; one photo in no class."""
    folder = tmp_path / "photos"
    greys = {"dark": (5, 40, 90, 150), "light": (250, 230, 160, 100), "other": (9,)}
    for label, values in greys.items():
        (folder / "deep" / label).mkdir(parents=True)
        for grey in values:
            path = folder / "deep" / label / f"{grey}.png"
            imsave(path, np.full((20, 30, 3), grey, np.uint8), check_contrast=False)
    yield folder


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_figures(
    job: Path, photos: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert evaluate(Wish(job / name, photos, trust=True, as_json=True)) == 0
    captured = capsys.readouterr()
    test = json.loads(captured.out)["test"]
    assert (test["correct"], test["images"]) == (6, 8)
    assert [row["name"] for row in test["mistakes"]] == ["deep/light/100.png", "deep/dark/150.png"]
    assert "Right on 6 of 8 photos (41-93 %, 95 % sure)" in " ".join(captured.err.split())
    assert predict(Question(job / name, [photos / "deep/dark/5.png"], trust=True)) == 0
    assert "dark  100" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["model.savedmodel.zip", "service.pyz"])
def test_programs_are_opened_where_they_are_trusted_alone(
    job: Path, photos: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert evaluate(Wish(job / name, photos)) == predict(Question(job / name, [photos])) == 2
    assert " ".join(capsys.readouterr().out.split()).count("is a program, which may do anything. Add --trust") == 2


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_keras_file_with_a_program_in_it_is_refused(tmp_path: Path, name: str) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Lambda(lambda values: values[:, 0, 0, :2])])
    files.save(model, tmp_path / name)
    files.write_labels(LABELS, tmp_path / "labels.txt")
    with pytest.raises(CannotOpenError, match="cannot be read"):
        open_network(tmp_path / name, trust=True)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("dark\n", "gives 2 answers, and there are 1 class names"),
        ("dark\nlight\nnight\n", "gives 2 answers, and there are 3 class names"),
        ("d\u00e4rk\nlight\n", "labels.txt is not in UTF-8"),
    ],
)
def test_labels_of_another_model_are_refused(
    job: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: str, reason: str
) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes((job / "model.tflite").read_bytes())
    (tmp_path / "labels.txt").write_text(labels, encoding="latin-1")
    assert evaluate(Wish(model, photos)) == predict(Question(model, [photos / "deep/dark"])) == 2
    assert " ".join(capsys.readouterr().out.split()).count(reason) == 2


def test_labels_that_an_editor_saved_are_read(job: Path, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes((job / "model.tflite").read_bytes())
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfdark\r\nlight\r\n")
    assert open_network(tmp_path / "model.tflite").labels == LABELS


@pytest.mark.parametrize(("shape", "fill"), [((8, 8, 1), 0.0), ((8, 8, 3), np.nan)])
def test_a_model_that_is_no_delivered_one_is_named(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: tuple[int, int, int], fill: float
) -> None:
    import keras

    dense = keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(fill))
    files.save(keras.Sequential([keras.Input(shape), keras.layers.Flatten(), dense]), tmp_path / "model.keras")
    files.write_labels(LABELS, tmp_path / "labels.txt")
    assert evaluate(Wish(tmp_path / "model.keras", photos)) == 2
    assert predict(Question(tmp_path / "model.keras", [photos])) == 2
    reason = "is no number" if fill else "does not answer photos as a delivered model"
    assert " ".join(capsys.readouterr().out.split()).count(reason) == 2


def test_a_detector_is_asked_by_predict_alone(
    job: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.tflite").write_bytes((job / "model.tflite").read_bytes())
    (tmp_path / "detection.json").write_text("{}")
    bundle = Bundle((job / "model.tflite").read_bytes(), LABELS, {}, "detection", b"{}")
    (tmp_path / "apart").mkdir()
    add(job / "base.pyz", bundle, tmp_path / "apart/service.pyz")
    assert evaluate(Wish(tmp_path / "model.tflite", photos)) == 2
    assert compare(Wish(job / "model.tflite", photos, tmp_path / "apart/service.pyz", trust=True)) == 2
    assert " ".join(capsys.readouterr().out.split()).count("finds objects: modelmail") == 2


def test_a_service_knows_its_own_threshold(job: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = Bundle((job / "model.tflite").read_bytes(), LABELS, {"threshold": 0.97})
    add(job / "base.pyz", bundle, photos / "service.pyz")
    assert predict(Question(photos / "service.pyz", [photos / "deep/light/100.png"], trust=True, unsure=None)) == 0
    assert evaluate(Wish(photos / "service.pyz", photos, trust=True)) == 0
    assert "Where it is 97 % sure or more" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("given", "reason"), [("", "is a folder. Give a model in it"), ("damaged.pyz", "no model")])
def test_what_is_no_model_is_named(
    job: Path, photos: Path, capsys: pytest.CaptureFixture[str], given: str, reason: str
) -> None:
    data = bytearray((job / "service.pyz").read_bytes())
    (photos / "damaged.pyz").write_bytes(data[:-40])
    assert evaluate(Wish(photos / given, photos, trust=True)) == 2
    assert predict(Question(photos / given, [photos], trust=True)) == 2
    assert " ".join(capsys.readouterr().out.split()).count(reason) == 2


def test_folders_that_the_disk_spells_otherwise_are_found(
    job: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "deep/dark").rename(photos / "deep/Dark")
    assert evaluate(Wish(job / "model.tflite", photos, as_json=True)) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert told["test"]["images"] == 8 and told["left_out"] == ["deep/other/9.png"]
    said = " ".join(captured.err.split())
    assert "1 photo is left out, as it lies in no folder that is named like a class, but in deep/other." in said


def test_classes_without_photos_are_named(job: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "deep/light").rename(photos / "deep/bright")
    assert evaluate(Wish(job / "model.tflite", photos)) == 0
    assert "There is no photo of 1 class: light." in " ".join(capsys.readouterr().out.split())


def test_models_are_compared_on_the_photos_that_both_could_read() -> None:
    """A JPEG beyond the limit of pixels is read at a fraction of its size, if the model's input is small enough."""
    said = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    one = Judged(LABELS, said, np.array([0, 1]), ("a.jpg", "huge.jpg"), ("b.jpg is empty",), ())
    other = Judged(LABELS, said[:1], np.array([0]), ("a.jpg",), ("b.jpg is empty", "huge.jpg is too large"), ())
    for judged in together(one, other):
        assert judged.names == ("a.jpg",) and judged.right.tolist() == [True]
        assert judged.unread == ("b.jpg is empty", "huge.jpg is too large")
    with pytest.raises(ValueError, match="no photo that both"):
        together(one.only(frozenset({"huge.jpg"})), other)


def test_two_models_are_compared_on_the_same_photos(
    job: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(Wish(job / "model.h5", photos, job / "late" / "model.h5", as_json=True)) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["right_a"], told["right_b"], told["only_a"], told["only_b"]) == (6, 6, 1, 1)
    said = " ".join(captured.err.split())
    assert "A is right on 6 of 8 photos" in said and "B less A: +0.0 points" in said
    assert "The difference may be chance (McNemar's exact test, p = 1)." in said


def test_a_difference_has_an_interval_and_a_p() -> None:
    """The interval is that of Agresti and Min (2005) by their formula; McNemar's p of 1 to 15 is 34 / 2 ** 16."""
    one, other = (
        np.repeat([True, False, True, False], [70, 15, 1, 14]),
        np.repeat([True, True, False, False], [70, 15, 1, 14]),
    )
    told = difference(one, other)
    assert (told.only_a, told.only_b) == (1, 15)
    assert told.p == pytest.approx(34 / 2**16)
    middle, spread = 14 / 102, np.sqrt(17 - 14**2 / 102) / 102
    assert told.low == pytest.approx(middle - 1.96 * spread) and told.high == pytest.approx(middle + 1.96 * spread)
    same = difference(one, one)
    assert same.p == 1 and same.low < 0 < same.high


def test_what_cannot_be_judged_is_said(job: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "deep/dark/broken.jpg").write_bytes(b"no photo")
    assert evaluate(Wish(job / "model.tflite", photos)) == 1
    assert "broken.jpg is not a JPEG" in " ".join(capsys.readouterr().out.split())
    assert evaluate(Wish(job / "model.tflite", photos / "deep/other")) == 2
    assert "no folder of photos that is named like a class of the model: dark, light." in " ".join(
        capsys.readouterr().out.split()
    )
    assert evaluate(Wish(job / "model.tflite", photos / "none")) == 2
    assert evaluate(Wish(job / "none.h5", photos)) == 2
    files.write_labels(("a", "b"), photos / "labels.txt")
    (photos / "model.h5").write_bytes((job / "model.h5").read_bytes())
    (photos / "a").mkdir()
    imsave(photos / "a/1.png", np.zeros((9, 9, 3), np.uint8), check_contrast=False)
    assert compare(Wish(job / "model.h5", photos, photos / "model.h5")) == 2
    assert "know different classes" in " ".join(capsys.readouterr().out.split())
