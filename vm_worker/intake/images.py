"""Decode any photo to an RGB square; training, checking and predicting all use this one decoder."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from os import PathLike
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, features

from jobs.errors import ModelmailError
from jobs.limits import Limits
from vm_worker.intake.files.grey import GREY_16_MAX
from vm_worker.intake.files.kinds import HEAD_BYTES, picture_kind

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # formats whose first picture may be blank, as it fades in
FRAMES_MOST = 50  # pictures of an animation that are looked at
READ = frozenset({"JPEG", "PNG", "WebP", "GIF", "BMP", "AVIF", "HEIC"})  # as `picture_kind` names them
JPEG_SHARE = 0.25  # of other formats' time for a pixel: a JPEG is decoded at a fraction of its size
START_OF_SCAN = b"\xff\xda"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
FAINT = 32  # of 255: what differs less from its background is hardly seen
LARGE_JPEG = 4  # times as many pixels as other pictures may have: it is decoded at a fraction of its size
GREY_16_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes of 16-bit PNG files
UPRIGHT = {  # EXIF orientation -> the operation that makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


UNKNOWN = "is not a JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC picture"


class BadImage(ModelmailError):
    """The picture cannot be used; the message is a plain reason, such as "is cut short"."""


class NotAnImage(BadImage):
    """The file is not a picture of any format that we read."""


def read_square(source: str | PathLike[str] | IO[bytes], size: int, grey_white: int = GREY_16_MAX) -> NDArray[np.uint8]:
    """Decode a photo to (size, size, 3) uint8 RGB. Raises BadImage, and OSError for a file that cannot be opened.

    `grey_white` is the value that is white in a grey picture of 16 bits.
    """
    if isinstance(source, str | PathLike):
        with open(source, "rb") as file:
            return read_square(file, size, grey_white)
    return read_measured(source.read(), (size,), grey_white=grey_white)[0][0]


def grey_peak(data: bytes) -> int:
    """Return the largest value of a grey PNG of 16 bits, and 0 for every other picture. Raises BadImage."""
    if not (data.startswith(PNG) and data[24:26] == b"\x10\0"):  # bits, and no colour
        return 0
    with _reasons():
        return int(np.asarray(_opened(data, Limits.image_pixels)).max())


def check_beginning(data: bytes) -> None:
    """Check that a file's first bytes are those of a picture. Raises BadImage."""
    _kind(data)


def _kind(data: bytes) -> str:
    if not data:
        raise BadImage("is empty")
    kind = picture_kind(data[:HEAD_BYTES])
    if kind is None:
        raise NotAnImage(UNKNOWN)
    if kind not in READ:
        raise NotAnImage(f"{_named(kind)}, which cannot be read; save it as JPEG")
    return kind


def _named(kind: str) -> str:
    return f"is {'an' if kind[0] in 'AEIOU' else 'a'} {kind} picture"


@cache
def _reads_heic() -> bool:
    """Return whether HEIC can be read: its library may be missing. It is loaded when the first such picture comes."""
    try:
        import pi_heif
    except ImportError:
        return False
    pi_heif.options.DECODE_THREADS = 1  # each photo has a process
    pi_heif.register_heif_opener(thumbnails=False)
    return True


# Kinds of pictures that not every installation reads -> whether this one does.
OPTIONAL: Mapping[str, Callable[[], bool | None]] = {
    "HEIC": _reads_heic,
    "AVIF": lambda: features.check("avif"),
}


def read_squares(data: bytes, sizes: Sequence[int], pixels_max: int = Limits.image_pixels) -> list[NDArray[np.uint8]]:
    """Decode one file to squares (s, s, 3) uint8 RGB of several sizes, as `to_square` does. Raises BadImage.

    It decodes once for all sizes for which JPEG's draft mode gives the same size.
    """
    return read_measured(data, sizes, pixels_max)[0]


def read_measured(
    data: bytes, sizes: Sequence[int], pixels_max: int = Limits.image_pixels, grey_white: int = GREY_16_MAX
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
            _check_size(image, pixels_max)
            drafted = image.size
            if drafted not in decoded:
                decoded[drafted] = _upright_rgb(image, grey_white)
            squares[size] = _squash(decoded[drafted], size)
        shape = (*stored, _orientation(image) or 1)
    return [squares[size] for size in sizes], shape


def read_upright(data: bytes, pixels_max: int = Limits.image_pixels) -> NDArray[np.uint8]:
    """Decode one file to (height, width, 3) uint8 RGB at its full size, turned upright by EXIF. Raises BadImage."""
    with _reasons():
        return np.asarray(_upright_rgb(_opened(data, pixels_max)))


def decoding_work(data: bytes) -> float:
    """Estimate a decoder's work from a picture's head, in pixels, before any is decoded; 0 for what is no picture.

    A progressive JPEG goes over its pixels once for each scan, and a scan may have a few bytes: a small file can hold
    thousands. Of an animation many pictures may be looked at.
    """
    try:
        with _reasons():
            image = _opened(data, Limits.image_pixels)
            frames = len(_frames(image))
    except BadImage:  # the decoder will give the same reason
        return 0.0
    pixels = float(image.width * image.height)
    if image.format in ("JPEG", "MPO"):
        return pixels * JPEG_SHARE * max(1, data.count(START_OF_SCAN))
    return pixels * frames


def to_square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """Make a (size, size, 3) uint8 RGB array of a picture that was just opened.

    It is upright by EXIF, and 16 bits are scaled to 8. Alpha lies over white, or over black where white would hide the
    drawing. A JPEG is drafted to at least twice the size. The whole picture is squashed, not cropped, bilinear with
    Pillow's antialias.
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
    kind = _kind(data)
    if kind in OPTIONAL and not OPTIONAL[kind]():
        raise NotAnImage(f"{_named(kind)}, which cannot be read here; save it as JPEG")
    image = Image.open(io.BytesIO(data), formats=(*FORMATS, "HEIF") if kind == "HEIC" else FORMATS)
    _check_size(image, pixels_max * (LARGE_JPEG if image.format in ("JPEG", "MPO") else 1))
    return image


def _check_size(image: Image.Image, pixels_max: int) -> None:
    if image.width * image.height > pixels_max:
        raise BadImage(f"has more than {pixels_max / 1e6:g} megapixels; save it smaller, or as JPEG")


def _draft(image: Image.Image, size: int) -> None:
    image.draft("RGB", (2 * size, 2 * size))  # does nothing but for a JPEG not yet decoded


def _squash(image: Image.Image, size: int) -> NDArray[np.uint8]:
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _upright_rgb(image: Image.Image, grey_white: int = GREY_16_MAX) -> Image.Image:
    orientation = _orientation(image)
    rgb = _shown(image, grey_white)
    return rgb.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else rgb


def _orientation(image: Image.Image) -> int | None:
    image.load()  # PNG may hold its EXIF behind the pixels
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # malformed EXIF is no reason to refuse a good picture
        return None
    return orientation if isinstance(orientation, int) else None


def _shown(image: Image.Image, grey_white: int) -> Image.Image:
    """Return the picture, of an animation the first one that shows something. Raises BadImage where none does."""
    first = _rgb(image, grey_white)
    if first is None or not _spread(first):
        for frame in _frames(image)[1:]:
            image.seek(frame)
            later = _rgb(image, grey_white)
            if later is not None and _spread(later):
                return later
    if first is None:
        raise BadImage("is transparent all over")
    return first


def _frames(image: Image.Image) -> range:
    """Return the numbers of the pictures that are looked at."""
    return range(min(FRAMES_MOST, image.n_frames) if image.format in ANIMATED else 1)  # type: ignore[attr-defined]


def _rgb(image: Image.Image, grey_white: int) -> Image.Image | None:
    """Return the picture without transparency; None where nothing of it can be seen."""
    if image.mode in GREY_16_BIT:
        return _eight_bit(image, grey_white).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    lowest, highest = layered.getchannel("A").getextrema()
    if not highest:
        return None
    white = _over(layered, "white")
    if lowest == highest or _spread(white) >= FAINT:
        return white
    black = _over(layered, "black")  # a white drawing would not be seen on white
    return black if _spread(black) > _spread(white) else white


def _over(layered: Image.Image, colour: str) -> Image.Image:
    canvas = Image.new("RGB", layered.size, colour)
    canvas.paste(layered, mask=layered.getchannel("A"))
    return canvas


def _spread(image: Image.Image) -> int:
    """Return the largest difference between two pixels of an RGB picture, in one colour: 0..255."""
    return max(int(high - low) for low, high in (band.getextrema() for band in image.split()))  # type: ignore[operator]


def _eight_bit(image: Image.Image, white: int) -> Image.Image:
    grey = np.clip(np.asarray(image), 0, white).astype(np.uint32)
    return Image.fromarray(((grey * 255 + white // 2) // white).astype(np.uint8))
