"""Pictures of cameras, editors and fuzzers are decoded rightly, or refused with a plain reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.unit.intake import jpegs, pngs, rasters
from vm_worker.intake.decoder import DecodeTask, Reply
from vm_worker.intake.extents import Extent
from vm_worker.intake.images import BadImage, NotAnImage, read_squares
from vm_worker.intake.pool import Bounds, Decoders

CLOSE = 3  # of 255
PIXELS = 40_000_000
REASONS = {
    None,
    "is cut short",
    "is damaged",
    "is not a JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC picture",
    "is transparent all over",
    "has too many pixels",
    "has more than 40 megapixels; save it smaller, or as JPEG",
    "needs too much memory",
}
ODD: dict[str, Callable[[], Mapping[str, bytes]]] = {
    "PNG": pngs.oddities,
    "PNG bomb": pngs.bombs,
    "JPEG": jpegs.doubtful,
    "GIF": rasters.gifs,
    "BMP": rasters.bmps,
    "WebP": rasters.webps,
}


@pytest.mark.parametrize("kind", pngs.KINDS, ids=str)
def test_png_of_every_colour_type_and_depth(kind: tuple[int, int, bool]) -> None:
    picture = pngs.Png(*kind)
    (square,) = read_squares(picture.data(), (pngs.SIDE,))
    assert np.abs(square - picture.expected()).max() <= CLOSE


READABLE = jpegs.readable()


@pytest.mark.parametrize("case", READABLE)
def test_odd_jpegs_that_are_pictures(case: str) -> None:
    (square,) = read_squares(READABLE[case], (32,))
    assert square.shape == (32, 32, 3)


def test_metadata_changes_no_pixel() -> None:
    expected = read_squares(jpegs.base(), (32,))[0]
    touched = (
        "thumbnail",
        "profile",
        "comment",
        "block",
        "EXIF",
        "orientation 0",
        "orientation 9",
        "behind",
        "padding",
    )
    for case, data in READABLE.items():
        if any(word in case for word in touched):
            assert (read_squares(data, (32,))[0] == expected).all(), case


def test_cmyk_is_read_by_adobes_word() -> None:
    cmyk, ycck = (read_squares(READABLE[name], (8,))[0] for name in ("CMYK of Adobe", "YCCK of Adobe"))
    assert np.abs(cmyk.astype(int) - ycck).max() > 30


OTHERS = rasters.others()


@pytest.mark.parametrize("case", OTHERS)
def test_other_formats_are_no_pictures_whatever_their_name(case: str) -> None:
    with pytest.raises(BadImage) as caught:
        read_squares(OTHERS[case], (8,))
    damaged = case == "HEIC"  # it is read elsewhere, and this one is empty
    assert isinstance(caught.value, NotAnImage) != damaged


def decoded(pictures: Iterable[bytes], folder: Path, pool: Decoders) -> list[Reply]:
    """Return the replies of the decoding processes for these files, in their order."""
    tasks = []
    for number, data in enumerate(pictures):
        path = folder / str(number)
        path.write_bytes(data)
        tasks.append(DecodeTask(Extent(str(path), 0, len(data), len(data)), (), PIXELS))
    return [reply for _, reply in sorted(pool.run(tasks), key=lambda pair: pair[0])]


@pytest.mark.parametrize("kind", ODD)
def test_odd_pictures_are_read_or_refused_within_bounds(kind: str, tmp_path: Path) -> None:
    odd = ODD[kind]()
    with Decoders(1, Bounds(memory_bytes=400_000_000, image_seconds=20)) as pool:
        replies = decoded(odd.values(), tmp_path, pool)
    reasons = dict(zip(odd, (reply.reason for reply in replies), strict=True))
    assert {name: reason for name, reason in reasons.items() if reason not in REASONS} == {}
    assert None in reasons.values()


BMP_COLOURS = {
    "header of 40 bytes": (128, 128, 128),
    "of OS/2": (128, 128, 128),
    "1 bit": (255, 255, 255),
    "16 bits": (255, 255, 255),
    "16 bits of masks": (255, 255, 255),
    "RLE of 8 bits": (1, 1, 1),
    "top row first": (128, 128, 128),
}


@pytest.mark.parametrize("case", BMP_COLOURS)
def test_bmps_of_every_age(case: str) -> None:
    (square,) = read_squares(rasters.bmps()[case], (4,))
    assert np.abs(square.astype(int) - BMP_COLOURS[case]).max() <= CLOSE


def test_a_gif_by_hand_is_one() -> None:
    assert (read_squares(rasters.gifs()["one frame"], (4,))[0] == (3, 4, 5)).all()


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("PNG bomb", "a picture of 41 megapixels", "has more than 40 megapixels"),
        ("PNG bomb", "65,535 x 65,535", "has too many pixels"),
        ("PNG", "only a header", "is damaged"),
        ("GIF", "a frame of 65,535 x 65,535", "has too many pixels"),
        ("BMP", "two billion rows", "has too many pixels"),
        ("WebP", "a huge canvas", "has too many pixels"),
        ("JPEG", "65535 x 65535", "has too many pixels"),
    ],
)
def test_bombs_have_a_plain_reason(kind: str, name: str, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        read_squares(ODD[kind]()[name], (8,))
