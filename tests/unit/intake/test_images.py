"""The decoder: every kind of picture becomes an upright RGB square, every broken one gives a reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.unit.intake.crafted import encoded, gap, picture
from tests.unit.intake.heic import HEIC
from vm_worker.intake.images import FORMATS, BadImage, NotAnImage, check_beginning, read_square, read_squares, to_square

SIZE = 32
CLOSE = 3  # of 255
TURNED = {  # EXIF orientation -> how a camera held that way stores the picture
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _square(data: bytes, size: int = SIZE) -> NDArray[np.uint8]:
    return read_square(io.BytesIO(data), size)


def _stored(image: Image.Image, orientation: int, kind: str) -> bytes:
    method = TURNED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    careful: dict[str, dict[str, object]] = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}
    options = careful.get(kind, {})
    return encoded(image.transpose(method) if method is not None else image, kind, exif=exif, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
def test_all_orientations_come_out_upright(orientation: int, kind: str) -> None:
    image = picture(1, 160, 120)
    upright = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    assert gap(_square(_stored(image, orientation, kind)), upright) <= CLOSE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_every_format(kind: str) -> None:
    square = _square(encoded(picture(2), kind))
    assert square.shape == (SIZE, SIZE, 3)
    assert square.dtype == np.uint8
    assert np.abs(square.astype(int) - _square(encoded(picture(2)))).mean() < 12  # GIF has 256 colours


def test_the_whole_picture_is_squashed() -> None:
    image = Image.new("RGB", (300, 30), "red")
    image.paste("blue", (150, 0, 300, 30))
    square = _square(encoded(image))
    assert (square[:, :10] == (255, 0, 0)).all()
    assert (square[:, -10:] == (0, 0, 255)).all()


def _flat(mode: str, colour: object, kind: str = "PNG", **options: object) -> bytes:
    return encoded(Image.new(mode, (8, 8), colour), kind, **options)  # type: ignore[arg-type]


def _grey16(value: int) -> bytes:
    return encoded(Image.fromarray(np.full((8, 8), value, dtype=np.uint16)))


def _animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    return encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )


def _palette(alpha: bool) -> bytes:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    return encoded(image, "PNG", **({"transparency": 1} if alpha else {}))


COLOURS = {
    "grey": (_flat("L", 77), (77, 77, 77)),
    "one bit": (_flat("1", 1), (255, 255, 255)),
    "CMYK": (_flat("CMYK", (0, 255, 255, 0), "JPEG", quality=100), (255, 0, 0)),
    "16 bit": (_grey16(0x8080), (128, 128, 128)),
    "16 bit, darkest": (_grey16(0), (0, 0, 0)),
    "16 bit, lightest": (_grey16(65535), (255, 255, 255)),
    "palette": (_palette(alpha=False), (10, 20, 30)),
    "half clear": (_flat("RGBA", (255, 0, 0, 128)), (255, 127, 127)),
    "grey and half clear": (_flat("LA", (0, 128)), (127, 127, 127)),
    "animated GIF": (_animated("GIF"), (255, 0, 0)),
    "animated WebP": (_animated("WEBP"), (255, 0, 0)),
    "animated PNG": (_animated("PNG"), (255, 0, 0)),
    "several pictures in a JPEG": (_animated("MPO"), (255, 0, 0)),
}


@pytest.mark.parametrize("case", COLOURS)
def test_every_mode_becomes_rgb(case: str) -> None:
    data, colour = COLOURS[case]
    expected = np.broadcast_to(np.array(colour, dtype=np.uint8), (SIZE, SIZE, 3))
    assert gap(_square(data), expected) <= CLOSE


CLEAR = {
    "palette": _palette(alpha=True),
    "PNG": _flat("RGBA", (0, 0, 0, 0)),
    "coloured PNG": _flat("RGBA", (200, 20, 90, 0)),
    "WebP": _flat("RGBA", (0, 0, 0, 0), "WEBP", lossless=True),
    "RGB": _flat("RGB", (9, 9, 9), transparency=(9, 9, 9)),
}


@pytest.mark.parametrize("case", CLEAR)
def test_a_transparent_picture_shows_nothing(case: str) -> None:
    with pytest.raises(BadImage, match="is transparent all over"):
        _square(CLEAR[case])


def _drawing(colour: tuple[int, int, int], place: int) -> bytes:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((*colour, 255), (place, 8, place + 8, 24))
    return encoded(image)


@pytest.mark.parametrize("colour", [(255, 255, 255), (250, 250, 245), (0, 0, 0), (255, 0, 0), (128, 128, 128)])
def test_a_drawing_on_transparency_is_seen(colour: tuple[int, int, int]) -> None:
    one, other = (_square(_drawing(colour, place)) for place in (2, 20))
    assert int(one.max()) - int(one.min()) >= 100
    assert (one != other).any()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("start", [(0, 0, 0), (255, 255, 255)])
def test_of_an_animation_that_fades_in_a_later_picture_is_taken(kind: str, start: tuple[int, int, int]) -> None:
    frames = [Image.new("RGB", (40, 30), start)] * 2 + [picture(7), picture(8)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert np.abs(_square(data).astype(int) - _square(encoded(picture(7)))).mean() < 12


def test_of_an_animation_the_first_picture_that_shows_something_is_taken() -> None:
    nothing, frames = Image.new("RGBA", (40, 30), (0, 0, 0, 0)), [picture(n, 40, 30).convert("RGBA") for n in (7, 8)]
    alone = [_square(encoded(frame, "PNG")) for frame in frames]
    for first, seen in ((frames[0], alone[0]), (nothing, alone[1])):
        assert (_square(encoded(first, "PNG", save_all=True, append_images=frames[1:])) == seen).all()


def test_an_animation_of_one_colour_is_that_colour() -> None:
    frames = [Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")]
    assert (_square(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])) == (255, 0, 0)).all()


def test_heic_and_avif_are_read_whatever_their_names(tmp_path: Path) -> None:
    expected = _square(encoded(picture(2, 64, 48)))
    for name, data in {"a.jpg": HEIC, "b": encoded(picture(2, 64, 48), "AVIF", quality=95)}.items():
        (tmp_path / name).write_bytes(data)
        assert gap(read_square(tmp_path / name, SIZE), expected) < 16


def test_a_damaged_heic_is_damaged_not_unknown() -> None:
    for data in (HEIC[:600], HEIC[:64]):
        with pytest.raises(BadImage) as caught:
            _square(data)
        assert not isinstance(caught.value, NotAnImage)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (encoded(picture(1), "TIFF"), "is a TIFF picture"),
        (b"8BPS" + bytes(40), "is a Photoshop picture"),
        (b"\0\0\0\x0cJXL " + bytes(40), "is a JPEG XL picture"),
        (b"\0\0\0\x18ftypcrx " + bytes(40), "is a camera raw picture"),
    ],
)
def test_a_picture_that_cannot_be_read_is_called_by_its_name(head: bytes, says: str) -> None:
    with pytest.raises(NotAnImage, match=f"{says}, which cannot be read; save it as JPEG"):
        _square(head)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_large_jpeg_is_read_at_a_fraction_of_its_size(options: dict[str, object]) -> None:
    data = encoded(Image.new("RGB", (8192, 6144), "red"), "JPEG", **options)  # 50 megapixels
    assert gap(_square(data), np.full((SIZE, SIZE, 3), (254, 0, 0), np.uint8)) <= CLOSE
    with pytest.raises(BadImage, match="has more than 40 megapixels; save it smaller"):
        read_squares(data, (SIZE,), 10_000_000)


def test_several_sizes_are_each_as_if_alone() -> None:
    for data in (encoded(picture(3, 900, 700), "JPEG"), encoded(picture(3, 90, 70))):
        sizes = (32, 224, 240, 32)
        for size, square in zip(sizes, read_squares(data, sizes), strict=True):
            assert (square == to_square(Image.open(io.BytesIO(data)), size)).all()


def test_a_jpeg_is_drafted_to_at_least_twice_the_size() -> None:
    image = Image.open(io.BytesIO(encoded(picture(4, 1600, 1200), "JPEG")))
    to_square(image, 100)
    assert image.size == (400, 300)  # a quarter; an eighth would be too small


def test_reads_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(picture(5)))
    assert (read_square(path, SIZE) == read_square(str(path), SIZE)).all()
    with pytest.raises(FileNotFoundError):
        read_square(tmp_path / "b.png", SIZE)


def test_malformed_exif_does_not_cost_the_picture() -> None:
    data = encoded(picture(6), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert gap(_square(data), _square(encoded(picture(6), "JPEG"))) == 0
    assert gap(_square(encoded(picture(6), "JPEG", exif=b"Exif\0\0" + b"no TIFF" * 9)), _square(data)) == 0
    words = struct.pack("<4sLHHHL4sL", b"II*\0", 8, 1, 0x0112, 2, 4, b"six\0", 0)
    assert gap(_square(encoded(picture(6), "JPEG", exif=b"Exif\0\0" + words)), _square(data)) == 0


def _png_of(width: int, height: int) -> bytes:
    """Return a PNG header that declares pixels, without any pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))

    head = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def _cut(kind: str) -> bytes:
    data = encoded(picture(7, 200, 200), kind)
    return data[: len(data) * 2 // 3]


BROKEN = {
    "empty": (b"", "is empty"),
    "text": (b"no picture at all", "is not a JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC picture"),
    "TIFF": (encoded(picture(8), "TIFF"), "is a TIFF picture"),
    "41 megapixels": (_png_of(6500, 6500), "has more than 40 megapixels"),
    "a gigapixel": (_png_of(40_000, 40_000), "has too many pixels"),
    "no pixels": (_png_of(100, 100), "is (cut short|damaged)"),
    "JPEG cut": (_cut("JPEG"), "is cut short"),
    "PNG cut": (_cut("PNG"), "is cut short"),
    "BMP cut": (_cut("BMP"), "is cut short"),
    "GIF cut": (_cut("GIF"), "is (cut short|damaged)"),
    "WebP cut": (_cut("WEBP"), "is (not a JPEG|cut short|damaged)"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_pictures_have_a_plain_reason(case: str) -> None:
    data, reason = BROKEN[case]
    with pytest.raises(BadImage, match=reason):
        _square(data)


def test_other_formats_are_told_from_broken_ones() -> None:
    with pytest.raises(NotAnImage):
        _square(b"<svg/>")
    with pytest.raises(BadImage) as caught:
        _square(_cut("PNG"))
    assert not isinstance(caught.value, NotAnImage)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_mutants_decode_or_are_refused(kind: str) -> None:
    data = encoded(picture(9), kind)
    random = np.random.default_rng(9)
    for _ in range(60):
        mutant = bytearray(data)
        for place in random.integers(0, len(data), 4):
            mutant[place] = random.integers(256)
        try:
            assert _square(bytes(mutant)).shape == (SIZE, SIZE, 3)
        except BadImage as error:
            assert str(error)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_begins_as_a_picture(kind: str) -> None:
    file = io.BytesIO()
    picture(1).save(file, kind)
    check_beginning(file.getvalue())


@pytest.mark.parametrize("data", [b"", b"no photo", b"<svg/>", b"II*\x00", b"%PDF"])
def test_a_file_that_begins_like_no_picture_is_refused_as_by_the_decoder(data: bytes) -> None:
    with pytest.raises(BadImage) as early:
        check_beginning(data)
    with pytest.raises(BadImage) as late:
        _square(data)
    assert (type(early.value), str(early.value)) == (type(late.value), str(late.value))
