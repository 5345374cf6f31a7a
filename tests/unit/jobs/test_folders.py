"""Reading a folder of photos: links and devices are known for what they are, and never opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs.folders import DEPTH_MAX, Kind, TooDeep, entries, opened


def test_each_entry_has_its_kind(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats/a.jpg").write_bytes(b"four")
    (tmp_path / "link.jpg").symlink_to("cats/a.jpg")
    (tmp_path / "folder-link").symlink_to("cats")
    os.mkfifo(tmp_path / "pipe.jpg")
    found = {entry.name: (entry.kind, entry.size) for entry in entries(tmp_path)}
    assert found == {
        "cats": (Kind.FOLDER, 0),
        "cats/a.jpg": (Kind.FILE, 4),
        "link.jpg": (Kind.LINK, 0),
        "folder-link": (Kind.LINK, 0),
        "pipe.jpg": (Kind.DEVICE, 0),
    }


def test_a_link_that_takes_a_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"photo")
    (entry,) = entries(photos)
    with opened(entry) as file:
        assert file.read() == b"photo"
    (photos / "a.jpg").unlink()
    (photos / "a.jpg").symlink_to("../secret")
    with pytest.raises(OSError, match=r"a\.jpg"):
        opened(entry)


def test_a_folder_may_be_so_deep_and_no_deeper(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * 64)).mkdir(parents=True)
    assert len(list(entries(tmp_path))) == 64
    (tmp_path / "/".join("d" * 65)).mkdir()
    with pytest.raises(TooDeep, match="64"):
        list(entries(tmp_path))


def test_the_page_allows_the_same_depth() -> None:
    script = Path(__file__).parents[3] / "templates/assets/names.js"
    assert f"const DEPTH_MAX = {DEPTH_MAX};" in script.read_text(encoding="utf-8")
