"""Marks of a report's page move photos within their folder, and nothing else, and can be taken back."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.cli.relabel import COLUMNS, MOST_BYTES, REMOVED, Wish, run

Row = tuple[str, str, str, str]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, and a file outside."""
    folder = tmp_path / "pets"
    for name in ("cats/1.jpg", "cats/2.jpg", "dogs/3.jpg", "cats/=cmd.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "outside.jpg").write_text("outside")
    return folder


def marks(photos: Path, rows: Iterable[Row]) -> Path:
    """A relabel.csv."""
    path = photos.parent / "relabel.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def tree(folder: Path) -> set[str]:
    """The files, but for the undo files."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name for name in names if "undo" not in name}


ROWS: tuple[Row, ...] = (
    ("cats/1.jpg", "cats", "move", "dogs"),
    ("cats/2.jpg", "cats", "remove", ""),
    ("dogs/3.jpg", "dogs", "keep", ""),
    ("'=cmd.jpg", "cats", "keep", ""),
)


def test_it_first_says_what_it_would_do(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(photos)
    assert run(Wish(photos, marks(photos, ROWS))) == 0
    said = capsys.readouterr().out
    assert "cats/1.jpg  ->  dogs/1.jpg" in said and "2 photos would be moved. Add --apply" in said
    assert tree(photos) == before and not list(photos.glob(".modelmail*"))


def test_it_moves_and_takes_back(photos: Path) -> None:
    before = tree(photos)
    assert run(Wish(photos, marks(photos, [*ROWS[:3], ("cats/=cmd.jpg", "cats", "move", "'=dogs")]), apply=True)) == 0
    assert tree(photos) == {"dogs/1.jpg", f"{REMOVED}/cats/2.jpg", "dogs/3.jpg", "=dogs/=cmd.jpg"}
    (undo,) = photos.glob(".modelmail-undo-*.csv")
    assert "'=" not in undo.read_text(encoding="utf-8-sig").splitlines()[1]
    assert run(Wish(photos, undo, apply=True)) == 0
    assert tree(photos) == before
    assert (photos / "cats/1.jpg").read_text() == "cats/1.jpg"


def test_names_with_the_folder_that_was_zipped_are_found(photos: Path) -> None:
    assert run(Wish(photos, marks(photos, [("animals/cats/1.jpg", "cats", "move", "dogs")]), apply=True)) == 0
    assert (photos / "dogs/1.jpg").is_file()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("../outside.jpg", "pets", "remove", ""), "leads out of the folder"),
        (("cats/../../outside.jpg", "cats", "move", "dogs"), "leads out of the folder"),
        (("/etc/passwd", "etc", "remove", ""), "leads out of the folder"),
        (("C:\\cats\\1.jpg", "cats", "remove", ""), "leads out of the folder"),
        (("", "cats", "remove", ""), "leads out of the folder"),
        (("cats/1.jpg", "cats", "move", ".."), "no name of a folder"),
        (("cats/1.jpg", "cats", "move", "../dogs"), "no name of a folder"),
        (("cats/1.jpg", "cats", "move", ""), "no name of a folder"),
        (("cats/1.jpg", "birds", "move", "dogs"), "does not show which folder is the class birds"),
        (("cats/9.jpg", "cats", "remove", ""), "there is no such file"),
        (("cats", "cats", "remove", ""), "there is no such file"),
        (("cats/1.jpg", "cats", "burn", ""), "burn is none of keep, move and remove"),
    ],
)
def test_a_line_that_cannot_be_followed_is_named_and_the_others_are(
    photos: Path, capsys: pytest.CaptureFixture[str], row: Row, reason: str
) -> None:
    assert run(Wish(photos, marks(photos, [row, ("cats/2.jpg", "cats", "move", "dogs")]), apply=True)) == 1
    told = capsys.readouterr().out
    assert "Left alone: line 2" in told and reason in " ".join(told.split())
    assert tree(photos) == {"cats/1.jpg", "dogs/2.jpg", "dogs/3.jpg", "cats/=cmd.jpg"}
    assert (photos.parent / "outside.jpg").read_text() == "outside"


def test_nothing_is_written_over(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "dogs/1.jpg").write_text("another")
    (photos / "birds").mkdir()
    (photos / "birds/2.jpg").symlink_to("nowhere")
    rows: list[Row] = [("cats/1.jpg", "cats", "move", "dogs"), ("cats/2.jpg", "cats", "move", "birds")]
    assert run(Wish(photos, marks(photos, rows), apply=True)) == 1
    assert (photos / "dogs/1.jpg").read_text() == "another" and (photos / "cats/2.jpg").is_file()
    assert "is already there" in capsys.readouterr().out


def test_two_photos_do_not_get_one_place(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "dogs/1.jpg").write_text("dog")
    rows: list[Row] = [("cats/1.jpg", "cats", "move", "birds"), ("dogs/1.jpg", "dogs", "move", "birds")]
    assert run(Wish(photos, marks(photos, rows), apply=True)) == 1
    assert (photos / "birds/1.jpg").read_text() == "cats/1.jpg" and (photos / "dogs/1.jpg").read_text() == "dog"
    assert "another line puts a photo there" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["photo", "its folder", "the new folder"])
def test_links_are_refused(photos: Path, capsys: pytest.CaptureFixture[str], place: str) -> None:
    (photos.parent / "away").mkdir()
    (photos.parent / "away/4.jpg").write_text("away")
    (photos / "cats/link.jpg").symlink_to(photos.parent / "outside.jpg")
    (photos / "birds").symlink_to(photos.parent / "away")
    rows: dict[str, Row] = {
        "photo": ("cats/link.jpg", "cats", "move", "dogs"),
        "its folder": ("birds/4.jpg", "birds", "move", "dogs"),
        "the new folder": ("cats/1.jpg", "cats", "move", "birds"),
    }
    assert run(Wish(photos, marks(photos, [rows[place]]), apply=True)) == 1
    assert "goes through a link" in capsys.readouterr().out
    assert sorted(path.name for path in (photos.parent / "away").iterdir()) == ["4.jpg"]
    assert (photos.parent / "outside.jpg").is_file()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a,b\n1,2\n", "has no columns photo, folder, mark, to"),
        (b"", "has no columns"),
        ("photo,folder,mark,to\ncats/\u00fc.jpg".encode("latin-1"), "is not in UTF-8"),
        (b"photo,folder,mark,to\n" + b"x" * MOST_BYTES, "is too large"),
    ],
)
def test_a_wrong_file_is_named(photos: Path, capsys: pytest.CaptureFixture[str], data: bytes, reason: str) -> None:
    path = photos.parent / "relabel.csv"
    path.write_bytes(data)
    assert run(Wish(photos, path, apply=True)) == 2
    assert reason in " ".join(capsys.readouterr().out.split())


def test_without_folder_or_marks_it_says_so(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Wish(photos / "no", photos)) == run(Wish(photos, photos / "no.csv")) == 2
    assert capsys.readouterr().out.count("There is no ") == 2
