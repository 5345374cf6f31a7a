"""Decode any photo to an RGB square; training, checking and predicting all use this one decoder."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from jobs.errors import ModelmailError
from jobs.limits import Limits

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")  # first bytes that only a picture has
BEGINNINGS = (*MAGIC, b"RIFF", b"BM")  # first bytes of every file in these formats
WHITE = (255, 255, 255)
GREY_16_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes of 16-bit PNG files
GREY_16_MAX = 65535
UPRIGHT = {  # EXIF orientation -> the operation that makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


UNKNOWN = "is not a JPEG, PNG, WebP, GIF or BMP picture"


class BadImage(ModelmailError):
    """The picture cannot be used; the message is a plain reason, such as "is cut short"."""


class NotAnImage(BadImage):
    """The file is not a picture of any format that we read."""


def read_square(source: str | PathLike[str] | IO[bytes], size: int) -> NDArray[np.uint8]:
    """Decode a photo to (size, size, 3) uint8 RGB. Raises BadImage, and OSError for a file that cannot be opened."""
    if isinstance(source, str | PathLike):
        with open(source, "rb") as file:
            return read_squares(file.read(), (size,))[0]
    return read_squares(source.read(), (size,))[0]


def check_beginning(data: bytes) -> None:
    """Check that a file's first bytes are those of a picture. Raises BadImage."""
    if not data:
        raise BadImage("is empty")
    if not data.startswith(BEGINNINGS):
        raise NotAnImage(UNKNOWN)


def read_squares(data: bytes, sizes: Sequence[int], pixels_max: int = Limits.image_pixels) -> list[NDArray[np.uint8]]:
    """Decode one file to squares (s, s, 3) uint8 RGB of several sizes, as `to_square` does. Raises BadImage.

    It decodes once for all sizes for which JPEG's draft mode gives the same size.
    """
    return read_measured(data, sizes, pixels_max)[0]


def read_measured(
    data: bytes, sizes: Sequence[int], pixels_max: int = Limits.image_pixels
) -> tuple[list[NDArray[np.uint8]], tuple[int, int, int]]:
    """Decode one file as `read_squares` does; `sizes` has one size at least. Raises BadImage.

    Also return the photo's width and height as stored, and its EXIF orientation.
    """
    decoded: dict[tuple[int, int], Image.Image] = {}
    squares: dict[int, NDArray[np.uint8]] = {}
    with _reasons():
        for size in dict.fromkeys(sizes):
            image = _opened(data, pixels_max)
            stored = image.size
            _draft(image, size)
            drafted = image.size
            if drafted not in decoded:
                decoded[drafted] = _upright_rgb(image)
            squares[size] = _squash(decoded[drafted], size)
        shape = (*stored, _orientation(image) or 1)
    return [squares[size] for size in sizes], shape


def read_upright(data: bytes, pixels_max: int = Limits.image_pixels) -> NDArray[np.uint8]:
    """Decode one file to (height, width, 3) uint8 RGB at its full size, turned upright by EXIF. Raises BadImage."""
    with _reasons():
        return np.asarray(_upright_rgb(_opened(data, pixels_max)))


def to_square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Make a (size, size, 3) uint8 RGB array of a picture that was just opened.

    It is upright by EXIF, alpha lies over white, and 16 bits are scaled to 8. A JPEG is drafted to at least twice the
    size. The whole picture is squashed, not cropped, bilinear with Pillow's antialias.
    """
    _draft(image, size)
    return _squash(_upright_rgb(image), size)


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn every failure of the decoder into a BadImage with a plain reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata; the picture counts
            yield
    except BadImage:
        raise
    except Image.DecompressionBombError as error:
        raise BadImage("has too many pixels") from error
    except MemoryError as error:
        raise BadImage("needs too much memory") from error
    except Exception as error:  # Pillow raises nearly anything for malformed files
        raise BadImage("is cut short" if "truncated" in str(error) else "is damaged") from error


def _opened(data: bytes, pixels_max: int) -> Image.Image:
    if not data:
        raise BadImage("is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        if data.startswith(MAGIC):
            raise BadImage("is damaged") from error
        raise NotAnImage(UNKNOWN) from error
    if image.width * image.height > pixels_max:
        raise BadImage(f"has more than {pixels_max / 1e6:g} megapixels")
    return image


def _draft(image: Image.Image, size: int) -> None:
    image.draft("RGB", (2 * size, 2 * size))  # does nothing but for a JPEG not yet decoded


def _squash(image: Image.Image, size: int) -> NDArray[np.uint8]:
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _upright_rgb(image: Image.Image) -> Image.Image:
    orientation = _orientation(image)
    rgb = _rgb(image)
    return rgb.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else rgb


def _orientation(image: Image.Image) -> int | None:
    image.load()  # PNG may hold its EXIF behind the pixels
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # malformed EXIF is no reason to refuse a good picture
        return None
    return orientation if isinstance(orientation, int) else None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in GREY_16_BIT:
        return _eight_bit(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    canvas = Image.new("RGB", layered.size, WHITE)
    canvas.paste(layered, mask=layered.getchannel("A"))
    return canvas


def _eight_bit(image: Image.Image) -> Image.Image:
    grey = np.clip(np.asarray(image), 0, GREY_16_MAX).astype(np.uint32)
    return Image.fromarray(((grey * 255 + GREY_16_MAX // 2) // GREY_16_MAX).astype(np.uint8))
