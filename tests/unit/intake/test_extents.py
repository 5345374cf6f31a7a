"""Spans of bytes in zips and folders, and photos turned upright."""

from __future__ import annotations

import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.intake.crafted import deflated, encoded
from vm_worker.intake.extents import DamagedEntry, Extent, Shape
from vm_worker.intake.images import read_upright

BEFORE = b"another entry"
NOISE = np.random.default_rng(0).bytes(9000)  # deflate makes it longer


def extent(folder: Path, packed: bytes, size: int, method: int = zipfile.ZIP_DEFLATED, crc: int | None = 0) -> Extent:
    """An entry between others, or the file of a folder where there is no checksum."""
    path = folder / "a.zip"
    path.write_bytes(BEFORE + packed + BEFORE)
    return Extent(str(path), len(BEFORE), len(packed), size, method, crc)


@pytest.mark.parametrize("size", [1, 32, 1000, 3000, 8999, 9000])
def test_the_beginning_of_an_entry(size: int, tmp_path: Path) -> None:
    assert extent(tmp_path, deflated(NOISE), 9000).beginning(size) == NOISE[:size]
    assert extent(tmp_path, NOISE, 9000, zipfile.ZIP_STORED).beginning(size) == NOISE[:size]
    assert extent(tmp_path, NOISE, 9000, zipfile.ZIP_STORED, None).head(size) == NOISE[:size]


def test_a_beginning_is_no_longer_than_its_entry(tmp_path: Path) -> None:
    assert extent(tmp_path, NOISE[:20], 20, zipfile.ZIP_STORED).beginning(32) == NOISE[:20]
    assert extent(tmp_path, deflated(NOISE[:20]), 20).beginning(32) == NOISE[:20]


@pytest.mark.parametrize("packed", [NOISE * 300, deflated(bytes(2_000_000_000 // 100))])
def test_only_the_beginning_is_read(packed: bytes, tmp_path: Path) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        part = extent(tmp_path, packed, 2_700_000, method)
        tracemalloc.start()
        part.head(32)
        assert tracemalloc.get_traced_memory()[1] < 100_000
        tracemalloc.stop()


def test_a_damaged_entry_has_no_head(tmp_path: Path) -> None:
    damaged = extent(tmp_path, b"\xff" * 40, 40)
    with pytest.raises(DamagedEntry, match="is damaged"):
        damaged.beginning(32)
    assert damaged.head(32) == b""


def test_a_file_that_is_gone_is_the_photos_fault_and_a_zip_is_not(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    photo, entry = Extent(gone, 0, 9, 9), Extent(gone, 0, 9, 9, crc=0)
    for read in (photo.read, lambda: photo.beginning(9)):
        with pytest.raises(DamagedEntry, match="cannot be opened"):
            read()
    assert photo.head(9) == b""
    for read in (entry.read, lambda: entry.beginning(9), lambda: entry.head(9)):
        with pytest.raises(FileNotFoundError):
            read()


def test_a_photo_of_a_folder_is_read_without_a_checksum(tmp_path: Path) -> None:
    assert extent(tmp_path, NOISE, 9000, zipfile.ZIP_STORED, None).read() == NOISE
    assert extent(tmp_path, NOISE, 9000, zipfile.ZIP_STORED, zlib.crc32(NOISE)).read() == NOISE
    for size, crc in ((8999, None), (9000, 0)):
        with pytest.raises(DamagedEntry, match="is damaged"):
            extent(tmp_path, NOISE, size, zipfile.ZIP_STORED, crc).read()


def test_compressed_data_without_its_end_is_damaged(tmp_path: Path) -> None:
    """Though all bytes are there, and the checksum is theirs."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(NOISE) + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(DamagedEntry, match="is damaged"):
        extent(tmp_path, packed, 9000, crc=zlib.crc32(NOISE)).read()
    assert extent(tmp_path, packed + packer.flush(), 9000, crc=zlib.crc32(NOISE)).read() == NOISE


@pytest.mark.parametrize("orientation", range(10))
def test_points_turn_with_the_photo(orientation: int) -> None:
    """A dot of the stored photo is found where its middle has turned to; 0 and 9 are no orientations."""
    width, height, x, y = 5, 3, 3, 0
    image = Image.new("L", (width, height))
    image.putpixel((x, y), 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = read_upright(encoded(image, exif=exif))[:, :, 0]
    ((row, column),) = np.argwhere(upright)
    shape = Shape(width, height, orientation)
    assert shape.turn(np.array([[x + 0.5, y + 0.5]])).tolist() == [[column + 0.5, row + 0.5]]
    assert shape.upright == upright.shape[::-1]
    assert shape.stored == (width, height)


def test_a_shape_is_upright_unless_it_is_told() -> None:
    points = np.array([[1.0, 2.0], [0.0, 3.5]])
    assert (Shape(5, 4).turn(points) == points).all() and Shape(5, 4).upright == (5, 4)
