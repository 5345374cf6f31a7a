"""The time at which a photo was taken, as its camera wrote it into the file."""

from __future__ import annotations

import io
import warnings
from datetime import UTC, datetime

from PIL import ExifTags, Image

FORMATS = ("JPEG", "WEBP")  # a PNG may hold its EXIF behind the pixels, and would have to be decoded for it


def taken_at(data: bytes) -> float | None:
    """Return the seconds by the camera's clock, which has no time zone; None where the file tells none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large photo, odd metadata; `images` has judged them
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                found = image.getexif().get_ifd(ExifTags.IFD.Exif)
        told = found.get(ExifTags.Base.DateTimeOriginal)
        seconds = datetime.strptime(str(told)[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
        part = str(found.get(ExifTags.Base.SubsecTimeOriginal, "")).strip()[:6]
        return seconds + (float(f"0.{part}") if part.isdecimal() and part.isascii() else 0.0)
    except Exception:  # Pillow raises nearly anything for malformed files; a photo without a time is as good
        return None
