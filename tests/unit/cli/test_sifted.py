"""Which files of a folder are sent: labels of a photo are known by its name, however systems spell it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from infra.cli.sifted import sifted
from jobs.folders import Kind, entries

NAME = "Grüne Äpfel"


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
