"""A folder is sent without what no task reads, and its sender is told."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from function.client import ClientError
from infra.cli.journey import zipped
from infra.cli.screen import Screen
from infra.cli.sifted import sifted
from jobs.folders import Kind, entries

LABELS = {"cats/03.txt", "cats/03.xml", "data.yaml", "instances.json", "obj.names", "train.txt"}
NAME = "Grüne Äpfel"
OTHERS = {"cats/notes.txt", "holiday.mp4", "tax.pdf"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos, one without a known ending; files of labels; files of neither kind."""
    root = tmp_path / "pets"
    (root / "cats").mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(root / "cats" / f"{number:02}.jpg")
    (root / "cats" / "00.jpg").rename(root / "cats" / "00.jpg_large")
    for name in LABELS | OTHERS:
        (root / name).write_bytes(b"neither a photo nor empty")
    return root


def test_only_photos_and_label_files_are_sent(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(zipped(folder, tmp_path / "photos.zip", Screen())) as archive:
        photos = {"cats/00.jpg_large", "cats/01.jpg", "cats/02.jpg", "cats/03.jpg"}
        assert set(archive.namelist()) == photos | LABELS
    told = " ".join(capsys.readouterr().out.split())
    assert "3 files that are no photos are not sent: cats/notes.txt, holiday.mp4, tax.pdf" in told


def test_of_a_folder_without_photos_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat]")
    with pytest.raises(ClientError, match="no photos") as raised:
        zipped(tmp_path, tmp_path / "photos.zip", Screen())
    assert raised.value.code == "no_images"


def test_nothing_is_told_where_all_is_sent(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in OTHERS:
        (folder / name).unlink()
    zipped(folder, tmp_path / "photos.zip", Screen())
    assert "not sent" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "is_sent"),
    [
        (f"{unicodedata.normalize('NFD', NAME)}.txt", True),  # macOS spells names so
        (f"1a2b3c4d-{NAME}.txt", True),  # Label Studio
        (f"{NAME.upper()}.XML", True),
        ("_darknet.labels", True),
        ("letter.txt", False),
        ("boxes.csv", False),
    ],
)
def test_labels_go_with_their_photo(name: str, is_sent: bool, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "images" / f"{unicodedata.normalize('NFC', NAME)}.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "labels" / name).write_bytes(b"0 0.5 0.5 0.1 0.1\n")
    files = [entry for entry in entries(tmp_path) if entry.kind is Kind.FILE]
    sent = [entry.parts[-1] for entry in sifted(files)]
    assert (name in sent) == is_sent and len(sent) == 1 + is_sent
