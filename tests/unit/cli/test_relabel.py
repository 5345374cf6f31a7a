"""Marks of a report's page move photos within their folder, and nothing else, and can be taken back."""

from __future__ import annotations

import csv
import os
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest

from infra.cli.relabel import COLUMNS, MOST_BYTES, REMOVED, Move, Wish, _put, run

Row = tuple[str, str, str, str]
NFC, NFD = "K\u00e4fer", "Ka\u0308fer"  # one name in two forms of Unicode


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, and a file outside."""
    folder = tmp_path / "pets"
    for name in ("cats/1.jpg", "cats/2.jpg", "dogs/3.jpg", "cats/=cmd.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "outside.jpg").write_text("outside")
    return folder


@pytest.fixture
def spelt(tmp_path: Path) -> Path:
    """Folders as a Mac's programs spell them, and parts of a split that spell one class in two ways."""
    folder = tmp_path / "spelt"
    for name in (f"{NFD}/{NFD}.jpg", "Hund/1.jpg", "train/Cats/2.jpg", "test/cats/3.jpg", "test/Dogs/4.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
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
        (("cats/1.jpg", "cats", "move", ".."), "no name of a class"),
        (("cats/1.jpg", "cats", "move", "../dogs"), "no name of a class"),
        (("cats/1.jpg", "cats", "move", ""), "no name of a class"),
        (("cats/1.jpg", "cats", "move", ".hidden"), "no name of a class"),
        (("cats/1.jpg", "cats", "move", "file"), "cats/1.jpg: file is no folder"),
        (("cats/1.jpg", "cats", "move", "x" * 300), "File name too long"),
        ((f"{'x' * 300}/1.jpg", "cats", "remove", ""), "File name too long"),
        (("cats/1.jpg", "birds", "move", "dogs"), "does not show which folder is the class birds"),
        (("cats/9.jpg", "cats", "remove", ""), "there is no such file"),
        (("cats", "cats", "remove", ""), "there is no such file"),
        (("cats/1.jpg", "cats", "burn", ""), "burn is none of keep, move and remove"),
    ],
)
def test_a_line_that_cannot_be_followed_is_named_and_the_others_are(
    photos: Path, capsys: pytest.CaptureFixture[str], row: Row, reason: str
) -> None:
    (photos / "file").write_text("no folder")
    assert run(Wish(photos, marks(photos, [row, ("cats/2.jpg", "cats", "move", "dogs")]), apply=True)) == 1
    told = capsys.readouterr().out
    assert "Left alone: line 2" in told and reason in " ".join(told.split())
    assert tree(photos) == {"cats/1.jpg", "dogs/2.jpg", "dogs/3.jpg", "cats/=cmd.jpg", "file"}
    assert (photos.parent / "outside.jpg").read_text() == "outside"


@pytest.mark.parametrize(
    ("row", "target"),
    [
        ((f"{NFC}/{NFC}.jpg", NFC, "move", "Hund"), f"Hund/{NFD}.jpg"),
        (("Hund/1.jpg", "Hund", "move", NFC), f"{NFD}/1.jpg"),
        ((f"zipped/{NFC}/{NFC}.jpg", NFC, "remove", ""), f"{REMOVED}/{NFD}/{NFD}.jpg"),
        (("test/cats/3.jpg", "Cats", "move", "dogs"), "test/Dogs/3.jpg"),
        (("train/Cats/2.jpg", "Cats", "move", "dogs"), "train/dogs/2.jpg"),
    ],
)
def test_a_report_may_spell_a_name_otherwise_than_the_disk(spelt: Path, row: Row, target: str) -> None:
    before = tree(spelt)
    assert run(Wish(spelt, marks(spelt, [row]), apply=True)) == 0
    assert target in tree(spelt) and len(tree(spelt)) == len(before)
    (undo,) = spelt.glob(".modelmail-undo-*.csv")
    assert run(Wish(spelt, undo, apply=True)) == 0 and tree(spelt) == before


def test_of_two_folders_with_the_name_of_the_class_the_one_beside_the_new_class_is_meant(photos: Path) -> None:
    (photos / "cats/cats").mkdir()
    (photos / "cats/cats/5.jpg").write_text("5")
    assert run(Wish(photos, marks(photos, [("cats/cats/5.jpg", "cats", "move", "dogs")]), apply=True)) == 0
    assert (photos / "dogs/cats/5.jpg").is_file()


def test_names_that_are_no_text_can_be_taken_back(photos: Path) -> None:
    for name in (b"cats/\xff.jpg", b"cats/a\r\n.jpg"):
        Path(os.fsdecode(bytes(photos) + b"/" + name)).write_text("odd")
    before = tree(photos)
    rows: list[Row] = [("cats/\ufffd.jpg", "cats", "remove", ""), ("cats/a\ufffd\ufffd.jpg", "cats", "move", "dogs")]
    assert run(Wish(photos, marks(photos, rows), apply=True)) == 0
    assert "dogs/a\r\n.jpg" in tree(photos)
    (undo,) = photos.glob(".modelmail-undo-*.csv")
    assert run(Wish(photos, undo, apply=True)) == 0 and tree(photos) == before


def test_taking_back_twice_names_what_is_gone(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(Wish(photos, marks(photos, [ROWS[0]]), apply=True))
    (undo,) = photos.glob(".modelmail-undo-*.csv")
    assert run(Wish(photos, undo, apply=True)) == 0 and run(Wish(photos, undo, apply=True)) == 1
    assert "line 2, dogs/1.jpg: there is no such file." in capsys.readouterr().out


def test_the_command_that_takes_back_can_be_pasted(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spaced = photos.rename(photos.with_name("my pets"))
    run(Wish(spaced, marks(spaced, [ROWS[0]]), apply=True))
    command, folder, undo, apply = shlex.split(capsys.readouterr().out.rpartition("modelmail ")[2])
    assert (command, Path(folder), apply) == ("relabel", spaced, "--apply")
    assert run(Wish(Path(folder), Path(undo), apply=True)) == 0


@pytest.mark.skipif(not Path("/proc/self/net/dev").is_file(), reason="there is no /proc")
def test_a_folder_that_cannot_be_written_to_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = marks(tmp_path / "any", [("net/dev", "net", "move", "other")])
    assert run(Wish(Path("/proc/self"), table, apply=True)) == 2
    assert "cannot be written, and what is not in it is not moved: " in " ".join(capsys.readouterr().out.split())


@pytest.mark.skipif(not Path("/proc/version").is_file(), reason="there is no /proc")
def test_a_photo_that_cannot_be_taken_away_is_not_doubled(tmp_path: Path) -> None:
    """/proc is another file system, from which nothing can be linked or removed."""
    target = tmp_path / "new.jpg"
    with pytest.raises(OSError, match=r"not permitted|denied"):
        _put(Path("/"), Move("proc/version", target.relative_to("/").as_posix()))
    assert not target.exists()


def test_nothing_is_written_over(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "dogs/1.jpg").write_text("another")
    (photos / "birds").mkdir()
    (photos / "birds/2.jpg").symlink_to("nowhere")
    rows: list[Row] = [("cats/1.jpg", "cats", "move", "dogs"), ("cats/2.jpg", "cats", "move", "birds")]
    assert run(Wish(photos, marks(photos, rows), apply=True)) == 1
    assert (photos / "dogs/1.jpg").read_text() == "another" and (photos / "cats/2.jpg").is_file()
    assert "is already there" in capsys.readouterr().out


def test_a_photo_gets_one_place(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Row] = [("cats/1.jpg", "cats", "move", "dogs"), ("cats/1.jpg", "cats", "move", "birds")]
    assert run(Wish(photos, marks(photos, rows))) == 1
    told = capsys.readouterr().out
    assert "line 3, cats/1.jpg: another line moves it." in told and "1 photo would be moved" in told


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
        ("photo,folder,mark,to\n".encode("utf-16"), "is not in UTF-8"),
        (b"photo,folder,mark,to\n" + b"x" * 200_000 + b",cats,remove,\n", "is no table of marks: field larger than"),
        (b'photo,folder,mark,to\n"cats/1.jpg,cats,move,dogs\n', "is no table of marks: unexpected end of data"),
        (b"from,to,mark\ncats/1.jpg,dogs/1.jpg,move\n", "has no columns"),
    ],
)
def test_a_wrong_file_is_named(photos: Path, capsys: pytest.CaptureFixture[str], data: bytes, reason: str) -> None:
    path = photos.parent / "relabel.csv"
    path.write_bytes(data)
    assert run(Wish(photos, path, apply=True)) == 2
    assert reason in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_that_a_spreadsheet_saved_is_read(photos: Path, separator: str) -> None:
    table = photos.parent / "relabel.csv"
    lines = ("photo,folder,mark,to", "cats/1.jpg,cats,move,dogs", "")
    table.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).replace(",", separator).encode())
    assert run(Wish(photos, table, apply=True)) == 0
    assert (photos / "dogs/1.jpg").is_file()


def test_without_folder_or_marks_it_says_so(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Wish(photos / "no", photos)) == run(Wish(photos, photos / "no.csv")) == 2
    assert run(Wish(photos.with_suffix(".zip"), photos)) == run(Wish(photos, photos)) == 2
    told = capsys.readouterr().out
    assert told.count("There is no ") == 4 and "unpack the zip" in " ".join(told.split())
