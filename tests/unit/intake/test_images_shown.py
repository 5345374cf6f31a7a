"""What of a picture is shown, of its transparency, its frames and its bits; what it is refused for; and its work."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.unit.intake.crafted import encoded, photo, picture
from tests.unit.intake.heic import HEIC
from tests.unit.intake.pngs import chunk, header
from vm_worker.intake import images
from vm_worker.intake.images import (
    BadImage,
    NotAnImage,
    decoding_work,
    grey_peak,
    read_measured,
    read_squares,
    read_upright,
    to_square,
)

Pixels = NDArray[np.uint8]


def _grey16(values: NDArray[np.generic]) -> bytes:
    return encoded(Image.fromarray(values.astype(np.uint16)))


def _moving(frames: int, shown: int, kind: str = "PNG") -> bytes:
    """An animation of pictures of one colour, but for one that shows something. (Equal ones would become one.)"""
    every = [Image.new("RGB", (8, 6), ("red", "blue")[number % 2]) for number in range(frames)]
    every[shown] = picture(1, 8, 6)
    return encoded(every[0], kind, save_all=True, append_images=every[1:])


def test_fifty_pictures_of_an_animation_are_looked_at() -> None:
    shown = np.asarray(picture(1, 8, 6))
    assert (read_upright(_moving(51, 49)) == shown).all()
    assert (read_upright(_moving(51, 50)) == (255, 0, 0)).all()  # as the first one is
    assert (read_upright(_moving(3, 2)) == shown).all()


@contextmanager
def _without(library: str) -> Iterator[None]:
    """Let a library be missing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, library, None)
        images._reads_heic.cache_clear()
        yield
    images._reads_heic.cache_clear()


def test_without_its_library_heic_is_not_read_and_all_else_is() -> None:
    with _without("pi_heif"):
        with pytest.raises(NotAnImage, match=r"^is a HEIC picture, which cannot be read here; save it as JPEG$"):
            read_upright(HEIC)
        assert read_upright(photo(1)).shape == (30, 40, 3)
        assert read_upright(photo(1, "AVIF")).shape == (30, 40, 3)
    assert read_upright(HEIC).shape == (48, 64, 3)


def test_without_its_decoder_avif_is_not_read() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("PIL.features.check", lambda feature: feature != "avif")
        with pytest.raises(NotAnImage, match=r"^is an AVIF picture, which cannot be read here; save it as JPEG$"):
            read_upright(photo(1, "AVIF"))
        assert read_upright(HEIC).shape == (48, 64, 3)


def test_heic_is_decoded_by_one_thread_and_without_its_small_copy() -> None:
    """Each photo has a process."""
    pi_heif = pytest.importorskip("pi_heif")
    images._reads_heic.cache_clear()  # as in a process that has read none yet
    read_upright(HEIC)
    assert (pi_heif.options.DECODE_THREADS, pi_heif.options.THUMBNAILS) == (1, False)


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_a_picture_with_a_wrong_byte_is_not_half_shown(place: float) -> None:
    """Pillow shows one where it is asked a second time."""
    for exif in (b"", Image.Exif()):
        data = bytearray(encoded(picture(9, 60, 60), exif=exif))
        data[int(place * len(data))] ^= 1
        with pytest.raises(BadImage, match=r"^is (damaged|cut short)$"):
            read_upright(bytes(data))


def test_an_orientation_behind_the_pixels_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(picture(2, 8, 6), exif=exif)
    start = data.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">L", data[start : start + 4])[0]
    behind = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert behind.index(b"eXIf") > behind.index(b"IDAT")
    assert (read_upright(behind) == read_upright(data)).all() and read_upright(data).shape == (8, 6, 3)
    assert read_measured(behind, (8,))[1] == (8, 6, 6)


def test_the_stored_size_is_told_whatever_a_jpeg_is_drafted_to() -> None:
    data = encoded(picture(3, 640, 480), "JPEG")
    assert read_measured(data, (16,))[1] == read_measured(data, (16, 300))[1] == (640, 480, 1)
    assert read_measured(encoded(picture(3, 9, 7)), (8,))[1] == (9, 7, 1)


@pytest.mark.parametrize(("size", "drafted"), [(100, (400, 300)), (150, (400, 300)), (151, (800, 600))])
def test_a_jpeg_is_drafted_to_twice_the_size_or_more(size: int, drafted: tuple[int, int]) -> None:
    image = Image.open(io.BytesIO(encoded(picture(4, 1600, 1200), "JPEG")))
    to_square(image, size)
    assert image.size == drafted


def _layer(grey: int, alpha: int = 255, beside: int = 0) -> bytes:
    """A grey field beside one of another transparency."""
    image = Image.new("LA", (8, 8), (grey, beside))
    image.paste((grey, alpha), (0, 0, 4, 8))
    return encoded(image)


@pytest.mark.parametrize(
    ("data", "field", "beside"),
    [
        (_layer(0), 0, 255),  # on white
        (_layer(223), 223, 255),  # 32 from white: seen
        (_layer(224), 224, 0),  # 31: not seen, so it lies on black
        (_layer(255), 255, 0),
        (_layer(240, 60, 0), 56, 0),
        (_layer(127, 60, 0), 225, 255),  # seen as little on either
        (_layer(255, 128, 128), 255, 255),  # a veil all over
        (_layer(0, 9, 9), 246, 246),
        (_layer(0, 1, 0), 254, 255),
    ],
)
def test_alpha_lies_over_white_or_over_black_where_white_would_hide_it(data: bytes, field: int, beside: int) -> None:
    shown = read_upright(data)
    assert (shown[:, :4] == field).all() and (shown[:, 4:] == beside).all()


@pytest.mark.parametrize("white", [65535, 4095, 255])
def test_sixteen_bits_are_rounded_to_eight(white: int) -> None:
    values = np.arange(256 * 256).reshape(256, 256)
    (square,), _ = read_measured(_grey16(values), (256,), grey_white=white)
    expected = np.floor(np.minimum(values, white) * 255 / white + 0.5)
    assert (square == expected[:, :, None]).all()


def test_the_largest_value_of_sixteen_bits_is_told() -> None:
    assert grey_peak(_grey16(np.array([[7, 4095], [0, 1]]))) == 4095
    assert grey_peak(_grey16(np.zeros((2, 2)))) == 0
    assert grey_peak(header(8, 8, colour=2, depth=16) + chunk(b"IDAT", b"")) == 0  # colours, and not looked at
    assert grey_peak(encoded(Image.new("L", (2, 2), 200))) == grey_peak(b"no picture" + bytes(99)) == 0
    assert grey_peak(photo(1)[:24] + b"\x10\0" + photo(1)[26:]) == 0  # no PNG
    for damaged in (header(8, 8, colour=0, depth=16), header(8, 8, colour=0, depth=16) + chunk(b"IDAT", b"")):
        with pytest.raises(BadImage):
            grey_peak(damaged)


def test_so_many_pixels_and_no_more() -> None:
    data = encoded(picture(5, 50, 40))
    assert read_squares(data, (8,), 2000)[0].shape == (8, 8, 3)
    assert read_upright(data, 2000).shape == (40, 50, 3)
    for read in (lambda: read_squares(data, (8,), 1999), lambda: read_upright(data, 1999)):
        with pytest.raises(BadImage, match=r"^has more than 0.001999 megapixels; save it smaller, or as JPEG$"):
            read()


def test_a_jpeg_may_have_four_times_as_many_where_it_is_drafted() -> None:
    data = encoded(picture(5, 800, 600), "JPEG")
    assert read_squares(data, (50,), 120_000)[0].shape == (50, 50, 3)
    assert read_upright(data, 120_000).shape == (600, 800, 3)
    with pytest.raises(BadImage, match=r"has more than 0.479996 megapixels"):
        read_squares(data, (50,), 119_999)
    with pytest.raises(BadImage, match=r"has more than 0.12 megapixels"):  # as it is drafted to 400 x 300
        read_squares(data, (200,), 120_000)


def test_megapixels_are_told_by_six_digits() -> None:
    with pytest.raises(BadImage, match=r"has more than 1.23457 megapixels"):
        read_squares(encoded(Image.new("1", (2000, 1000))), (8,), 1_234_566)


# In a program of its own: one that has run for long has memory that was freed, which no limit takes from it.
IN_LITTLE_MEMORY = """
import pathlib, resource, sys
from vm_worker.intake.images import BadImage, read_upright
data = sys.stdin.buffer.read()
taken = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 30_000_000, resource.RLIM_INFINITY))
try:
    read_upright(data)
except BadImage as error:
    print(error)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells how much memory is taken")
def test_a_picture_that_memory_does_not_hold_is_told_so() -> None:
    data = header(6000, 6000) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    ended = subprocess.run([sys.executable, "-c", IN_LITTLE_MEMORY], input=data, capture_output=True, check=True)
    assert ended.stdout == b"needs too much memory\n"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP"])
def test_every_pixel_is_work(kind: str) -> None:
    assert decoding_work(encoded(picture(6, 30, 20), kind)) == 600


def test_a_jpeg_is_less_work_and_each_of_its_scans_is_some() -> None:
    baseline, scans = (encoded(picture(6, 64, 48), "JPEG", progressive=more) for more in (False, True))
    assert decoding_work(baseline) == 64 * 48 / 4
    assert decoding_work(scans) == 64 * 48 / 4 * scans.count(b"\xff\xda") > decoding_work(baseline)
    assert decoding_work(baseline[: baseline.index(b"\xff\xda")]) == 64 * 48 / 4  # the decoder will find no scan


def test_of_an_animation_fifty_pictures_are_work() -> None:
    assert decoding_work(_moving(3, 2)) == 3 * 8 * 6
    assert decoding_work(_moving(60, 2)) == 50 * 8 * 6
    assert decoding_work(_moving(3, 2, "MPO")) == 3 * 8 * 6 / 4  # each has a scan


@pytest.mark.parametrize("data", [b"", b"no photo", photo(5)[:20], b"RIFF\x00\x00\x00\x00WEBPVP8 "])
def test_what_is_no_picture_is_no_work(data: bytes) -> None:
    assert decoding_work(data) == 0
