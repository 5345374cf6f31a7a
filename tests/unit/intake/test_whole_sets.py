"""What only a whole set of photos tells: the range of its 16-bit pictures, and classes that are copies of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.cli.networks import Network
from infra.cli.predict import predictions
from jobs.limits import Limits
from tests.unit.intake.crafted import class_files, encoded, folder_of, two_classes, zip_of
from tests.unit.intake.pools import shared
from vm_worker.intake.files.grey import GREY_16_MAX, grey_white
from vm_worker.intake.images import grey_peak, read_square
from vm_worker.intake.pool import Decoders
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.learn.labels import LabelledPhotos
from vm_worker.tasks.uploads import take_in, verdict

LIMITS = Limits()


def _grey(seed: int, most: int) -> bytes:
    values = np.random.default_rng(seed).integers(0, most + 1, (24, 32), dtype=np.uint16)
    values[0, 0] = most
    return encoded(Image.fromarray(values))


def _greys(most: int) -> dict[str, bytes]:
    names = [f"{name}/{number:02}.png" for name in ("cells", "dust") for number in range(12)]
    return {name: _grey(seed, most) for seed, name in enumerate(names)}


def _taken(files: dict[str, bytes], folder: Path) -> LabelledPhotos:
    source = zip_of(files, folder / "upload.zip")
    return take_in(IntakeRequest(source, folder / "cache", (16,), 0, LIMITS, 1), lambda *_: None, decoders=shared())


RANGES = [(4095, 4095), (3000, 4095), (1000, 1023), (200, 255), (9000, 65535), (65535, 65535)]


@pytest.mark.parametrize(("most", "white"), RANGES)
def test_pictures_of_16_bits_are_read_by_the_range_of_their_set(most: int, white: int, tmp_path: Path) -> None:
    files = _greys(most)
    dataset = _taken(files, tmp_path)
    (tmp_path / "one.png").write_bytes(files["cells/00.png"])
    assert (dataset.pixels(16)[0] == read_square(tmp_path / "one.png", 16, white)).all()
    told = [warning for warning in dataset.warnings if "16 bits" in warning]
    if white == GREY_16_MAX:
        assert (told, dataset.taken_in().to_json().get("grey_white")) == ([], None)
        return
    bits = white.bit_length()
    assert told == [f"24 pictures of 16 bits hold only {bits}: {white} was taken for white."]
    assert dataset.taken_in().to_json()["grey_white"] == white
    assert int(dataset.pixels(16).max()) > 150


def test_one_bright_picture_shows_that_a_set_uses_all_bits(tmp_path: Path) -> None:
    dataset = _taken(_greys(4095) | {"dust/11.png": _grey(99, 60_000)}, tmp_path)
    assert dataset.grey_white is None


def test_other_pictures_of_such_a_set_stay_as_they_are(tmp_path: Path) -> None:
    files = _greys(4095) | class_files({"cells": 3, "dust": 3}, "PNG", prefix="")
    dataset = _taken(files, tmp_path)
    row = dataset.names.index("cells/000.png")
    (tmp_path / "one.png").write_bytes(files["cells/000.png"])
    assert (dataset.pixels(16)[row] == read_square(tmp_path / "one.png", 16)).all()


def test_only_a_grey_png_of_16_bits_has_a_peak() -> None:
    assert grey_peak(_grey(1, 4095)) == 4095
    assert [grey_peak(data) for data in class_files({"a": 1}, "PNG").values()] == [0]
    assert [grey_white(peaks) for peaks in ([], [0, 0], [0, 4000], [100, 9000])] == [65535, 65535, 4095, 65535]


def test_predict_reads_them_as_the_training_did(tmp_path: Path) -> None:
    def brightness(squares: np.ndarray) -> np.ndarray:
        light = squares.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - light, light], axis=1)

    (tmp_path / "a.png").write_bytes(_grey(1, 4095))
    network = Network(16, ("dark", "light"), brightness)
    for white, least, most in ((GREY_16_MAX, 0.9, 1.0), (4095, 0.4, 0.65)):
        (row,) = predictions(network, [tmp_path / "a.png"], 0.0, white)
        dark = row.probability if row.label == "dark" else 1 - (row.probability or 0)
        assert dark is not None and least <= dark <= most


def test_a_class_that_holds_its_siblings_is_named(tmp_path: Path, decoders: Decoders) -> None:
    files = two_classes()
    copies = {f"all/{name.replace('/', '-')}": data for name, data in files.items()}
    said = verdict(folder_of(files | copies, tmp_path / "a"), LIMITS, decoders)
    assert said.code == "copied_class"
    assert 'All photos of "cats", "dogs" are in "all", too.' in said.message


def test_two_classes_of_the_same_photos_are_named(tmp_path: Path, decoders: Decoders) -> None:
    files = two_classes() | {f"kitties/{n}.jpg": data for n, data in enumerate(class_files({"cats": 12}).values())}
    said = verdict(zip_of(files, tmp_path / "a.zip"), LIMITS, decoders)
    assert said.code == "copied_class"
    assert '"kitties"' in said.message and '"cats"' in said.message and '"dogs"' not in said.message
