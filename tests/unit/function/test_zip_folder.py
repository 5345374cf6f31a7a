"""The zip of a folder: the same for equal folders, without what is not photos of its owner."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from function.client import zip_folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("dogs/b.jpg", "dogs/a.jpg", "cats/\u00e9 \u732b.jpg", ".git/x", "cats/.DS_Store", "__MACOSX/cats/a"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 100)
    (folder / "empty").mkdir()
    return folder


def test_a_folder_becomes_a_zip_without_dot_files(photos: Path, tmp_path: Path) -> None:
    out = zip_folder(photos, tmp_path / "out.zip")
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["cats/\u00e9 \u732b.jpg", "dogs/a.jpg", "dogs/b.jpg"]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert archive.read("dogs/a.jpg") == b"dogs/a.jpg" * 100
        assert archive.testzip() is None
    assert not list(tmp_path.glob("*.part"))


def _later(photos: Path) -> None:
    for path in photos.rglob("*.jpg"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
        path.chmod(0o600)


def _renamed(photos: Path) -> None:
    (photos / "dogs/a.jpg").rename(photos / "dogs/c.jpg")


@pytest.mark.parametrize(("change", "equal"), [(_later, True), (_renamed, False)])
def test_equal_folders_make_equal_zips(
    photos: Path, tmp_path: Path, change: Callable[[Path], None], equal: bool
) -> None:
    first = zip_folder(photos, tmp_path / "1.zip").read_bytes()
    change(photos)
    assert (zip_folder(photos, tmp_path / "2.zip").read_bytes() == first) == equal


def test_a_zip_made_inside_its_own_folder_does_not_hold_itself(photos: Path) -> None:
    for _ in range(2):
        with zipfile.ZipFile(zip_folder(photos, photos / "photos.zip")) as archive:
            assert len(archive.namelist()) == 3


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "cats"
    folder.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.jpg")).write_bytes(b"x")
    with zipfile.ZipFile(zip_folder(folder.parent, tmp_path / "out.zip")) as archive:
        assert archive.namelist() == ["cats/?.jpg"]


def test_links_stay_out_and_are_named(photos: Path, tmp_path: Path) -> None:
    secret, elsewhere = tmp_path / "secret.txt", tmp_path / "elsewhere"
    secret.write_bytes(b"secret")
    elsewhere.mkdir()
    (elsewhere / "more.jpg").write_bytes(b"secret")
    (photos / "dogs/holiday.jpg").symlink_to("../../secret.txt")
    (photos / "dogs/nowhere.jpg").symlink_to("nothing")
    (photos / "dogs/.hidden.jpg").symlink_to(secret)
    (photos / "birds").symlink_to(elsewhere)
    (photos / "dogs/again").symlink_to("..")
    left: list[str] = []
    with zipfile.ZipFile(zip_folder(photos, tmp_path / "out.zip", left.append)) as archive:
        assert archive.namelist() == ["cats/\u00e9 \u732b.jpg", "dogs/a.jpg", "dogs/b.jpg"]
        assert not any(b"secret" in archive.read(name) for name in archive.namelist())
    assert sorted(left) == ["birds", "dogs/again", "dogs/holiday.jpg", "dogs/nowhere.jpg"]


def test_a_folder_that_its_user_names_by_a_link_is_read(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos)
    with zipfile.ZipFile(zip_folder(tmp_path / "link", tmp_path / "out.zip")) as archive:
        assert len(archive.namelist()) == 3


def test_a_pipe_is_not_waited_for(photos: Path, tmp_path: Path) -> None:
    os.mkfifo(photos / "dogs/pipe.jpg")
    with zipfile.ZipFile(zip_folder(photos, tmp_path / "out.zip")) as archive:
        assert len(archive.namelist()) == 3
