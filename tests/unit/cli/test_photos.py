"""How long a demo trains, and which photo it tries the model on."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from function.client import zip_folder
from infra.cli.photos import default_minutes, one_of_the_test_set
from infra.local import demo_photos
from jobs.errors import UserError
from jobs.limits import Limits
from jobs.options import Options
from vm_worker.intake.dataset import Part
from vm_worker.intake.images import read_square
from vm_worker.intake.take_in import IntakeRequest
from vm_worker.tasks.uploads import take_in


def _zip_of(path: Path, photos: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(photos):
            archive.writestr(f"{'cat' if number % 2 else 'dog'}/{number}.jpg", b"\xff\xd8 not opened here")
    return path


@pytest.mark.parametrize(("photos", "minutes"), [(192, 2), (399, 2), (400, 3), (1000, 4)])
def test_minutes_grow_with_the_photos(tmp_path: Path, photos: int, minutes: int) -> None:
    assert default_minutes(_zip_of(tmp_path / "photos.zip", photos), Limits()) == minutes


def test_minutes_stay_within_the_limits(tmp_path: Path) -> None:
    assert default_minutes(_zip_of(tmp_path / "photos.zip", 2000), Limits(minutes_max=5)) == 5


def test_a_design_is_proposed_an_hour(tmp_path: Path) -> None:
    assert default_minutes(_zip_of(tmp_path / "photos.zip", 400), Limits(), Options(design="evolution")) == 61


def test_minutes_of_no_zip_are_the_least(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"no zip")
    assert default_minutes(tmp_path / "photos.zip", Limits()) == 2


def test_demo_photos_are_sixty_four_different_tiles_of_each_class(tmp_path: Path) -> None:
    folder = demo_photos.make(tmp_path / "photos")
    for name in demo_photos.TEXTURES:
        tiles = [read_square(path, 32).tobytes() for path in (folder / name).iterdir()]
        assert (len(tiles), len(set(tiles))) == (64, 64)


def test_the_test_photo_is_one_that_training_does_not_see(tmp_path: Path) -> None:
    zipped = zip_folder(demo_photos.make(tmp_path / "photos"), tmp_path / "photos.zip")
    photo = one_of_the_test_set(zipped, Limits(), tmp_path)
    # The worker decodes at other sizes; the split must be the same all the same.
    dataset = take_in(IntakeRequest(zipped, tmp_path / "again", (48,), 0, Limits(), 1), lambda fraction, message: None)
    tests = dataset.pixels(48)[dataset.rows(Part.TEST)]
    assert any(np.array_equal(read_square(photo.copy, 48), pixels) for pixels in tests)
    with zipfile.ZipFile(zipped) as archive:
        assert archive.read(photo.name) == photo.copy.read_bytes()


@pytest.mark.slow  # takes in two sets
def test_the_test_photo_is_found_by_the_options_of_the_job(tmp_path: Path) -> None:
    photos = demo_photos.make(tmp_path / "photos")
    for person in ("anna", "ben"):
        for kind in ("brick", "grass"):
            shutil.copytree(photos / kind, tmp_path / "people" / person / kind)
    zipped = zip_folder(tmp_path / "people", tmp_path / "people.zip")
    with pytest.raises(UserError, match="hold folders of the same names"):
        one_of_the_test_set(zipped, Limits(), tmp_path)
    photo = one_of_the_test_set(zipped, Limits(), tmp_path, Options(classes="inner"))
    assert photo.name.split("/")[1] in ("brick", "grass") and photo.copy.is_file()
