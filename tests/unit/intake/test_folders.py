"""A folder is listed as its zip would be, up to each limit and no further."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.errors import UserError
from jobs.folders import DEPTH_MAX
from jobs.limits import MIB, Limits
from tests.unit.intake.crafted import folder_of
from vm_worker.intake.extents import Extent
from vm_worker.intake.folders import links, list_folder
from vm_worker.intake.listing import Found

LIMITS = Limits()
FILES = {"cats/1.jpg": b"meow", "cats/2.jpg": b"", "dogs/big/3.jpg": b"wuff!"}
LISTED = 6  # with the folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(FILES, tmp_path)


def sized(folder: Path, **sizes: int) -> None:
    """Give files these sizes, without taking the room."""
    for name, size in sizes.items():
        with (folder / "cats" / f"{name}.jpg").open("wb") as file:
            file.truncate(size)


def refused(folder: Path, limits: Limits) -> tuple[str, str]:
    with pytest.raises(UserError) as caught:
        list_folder(folder, limits)
    return caught.value.code, caught.value.message


def test_files_and_folders_are_listed(folder: Path) -> None:
    found = sorted(list_folder(folder, LIMITS), key=lambda one: one.parts)
    assert [one.parts for one in found if one.extent is None] == [("cats",), ("dogs",), ("dogs", "big")]
    files = {"/".join(one.parts): one.extent for one in found if one.extent is not None}
    assert {name: extent.read() for name, extent in files.items()} == FILES
    assert Found(("cats", "1.jpg"), Extent(str(folder / "cats/1.jpg"), 0, 4, 4)) in found
    assert len(found) == LISTED


def test_links_and_pipes_are_left_out(folder: Path) -> None:
    (folder / "dogs/all").symlink_to("../cats")
    (folder / "dogs/\x07.jpg").symlink_to("big/3.jpg")
    (folder / "cats/a.jpg").symlink_to("1.jpg")
    os.mkfifo(folder / "pipe.jpg")
    assert len(list_folder(folder, LIMITS)) == LISTED
    assert links(folder, LIMITS) == ["cats/a.jpg", "dogs/\ufffd.jpg", "dogs/all"]
    assert len(links(folder, replace(LIMITS, zip_entries=2))) < 3  # no more are looked at


def test_what_is_no_folder_has_no_links(folder: Path) -> None:
    assert links(folder / "cats/1.jpg", LIMITS) == links(folder / "gone", LIMITS) == links(Path("a\0b"), LIMITS) == []


def test_so_many_files_and_no_more(folder: Path) -> None:
    assert len(list_folder(folder, replace(LIMITS, zip_entries=LISTED))) == LISTED
    assert refused(folder, replace(LIMITS, zip_entries=LISTED - 1)) == (
        "too_large_zip",
        "There are more than 5 files.",
    )


def test_a_file_of_the_largest_size_and_one_byte_more(folder: Path) -> None:
    limits = replace(LIMITS, entry_bytes=3_000_000)
    sized(folder, most=3_000_000)
    assert len(list_folder(folder, limits)) == LISTED + 1
    sized(folder, more=3_000_001)
    assert refused(folder, limits) == ("too_large_zip", 'The file "cats/more.jpg" is larger than 3 MB.')


def test_all_bytes_together_and_one_more(folder: Path) -> None:
    limits = replace(LIMITS, zip_total_bytes=3 * MIB)
    sized(folder, one=2 * MIB, two=MIB - 9)  # 9 bytes are there
    assert len(list_folder(folder, limits)) == LISTED + 2
    sized(folder, two=MIB - 8)
    assert refused(folder, limits) == ("too_large_zip", "The folder holds more than 3 MiB.")
    sized(folder, one=1500 * MIB)
    assert refused(folder, replace(LIMITS, entry_bytes=1 << 40, zip_total_bytes=1234 * MIB))[1] == (
        "The folder holds more than 1,234 MiB."
    )


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "/".join("a" * DEPTH_MAX)).mkdir(parents=True)
    assert len(list_folder(tmp_path, LIMITS)) == DEPTH_MAX
    (tmp_path / "/".join("a" * (DEPTH_MAX + 1))).mkdir()
    assert refused(tmp_path, LIMITS) == ("unsafe_zip", "A folder lies more than 64 folders deep.")
    assert links(tmp_path, LIMITS) == []
