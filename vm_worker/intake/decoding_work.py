"""An estimate of a decoder's work from a picture's head, before any pixel is decoded."""

from __future__ import annotations

import io
import warnings

from PIL import Image

from vm_worker.intake.images import FORMATS

JPEG_SHARE = 0.25  # of other formats' time for a pixel: a JPEG is decoded at a fraction of its size
START_OF_SCAN = b"\xff\xda"


def decoding_work(data: bytes) -> float:
    """Return the pixels that a decoder works on; 0 for what is no picture.

    A progressive JPEG goes over its pixels once for each scan, and a scan may have a few bytes: a small file can hold
    thousands.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception:  # Pillow raises nearly anything for malformed files, and its decoder will give the reason
        return 0.0
    pixels = float(image.width * image.height)
    return pixels * JPEG_SHARE * max(1, data.count(START_OF_SCAN)) if image.format == "JPEG" else pixels
