"""Make JPEG files like those of cameras, editors and fuzzers: each marker missing, cut, doubled or false."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from PIL import Image

from tests.unit.intake.crafted import encoded, picture

SOI, EOI, SOS, DRI = 0xD8, 0xD9, 0xDA, 0xDD
FRAMES = tuple(kind for kind in range(0xC0, 0xD0) if kind not in (0xC4, 0xC8, 0xCC))  # SOF0 to SOF15
ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # the transform follows


def base(**options: object) -> bytes:
    """Return a plain JPEG."""
    return encoded(picture(21, 64, 48), "JPEG", quality=90, **options)


def markers(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of each segment up to the scan."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        kind, length = data[place + 1], struct.unpack_from(">H", data, place + 2)[0]
        yield kind, place, place + 2 + length
        if kind == SOS:
            return
        place += 2 + length


def segment(kind: int, body: bytes) -> bytes:
    """Return a marker segment."""
    return struct.pack(">2BH", 0xFF, kind, len(body) + 2) + body


def _with(segments: bytes, data: bytes | None = None) -> bytes:
    """Insert the segments right behind the start."""
    data = base() if data is None else data
    return data[:2] + segments + data[2:]


def _frame_at(data: bytes) -> int:
    return next(start for kind, start, _ in markers(data) if kind in FRAMES)


def _sized(width: int, height: int) -> bytes:
    data = base()
    at = _frame_at(data) + 5
    return data[:at] + struct.pack(">2H", height, width) + data[at + 4 :]


def _patched(offset: int, value: int) -> bytes:
    """Change a byte of the frame header."""
    data = bytearray(base())
    data[_frame_at(base()) + offset] = value
    return bytes(data)


def _cmyk(transform: int | None) -> bytes:
    """Return a JPEG of four channels, with Adobe's marker that says their meaning, if one is given."""
    data = encoded(picture(22).convert("CMYK"), "JPEG")
    start, end = next((start, end) for kind, start, end in markers(data) if kind == 0xEE)
    adobe = b"" if transform is None else ADOBE + bytes([transform])
    return data[:start] + adobe + data[end:]


def exif(orientation: int | bytes = 1, *, next_ifd: int = 0, count: int = 1, kind: int = 3) -> bytes:
    """Return an EXIF block with one tag, Orientation."""
    value = orientation if isinstance(orientation, bytes) else struct.pack("<2H", orientation & 0xFFFF, 0)
    directory = struct.pack("<HHHL", 1, 0x0112, kind, count) + value + struct.pack("<L", next_ifd)
    return b"Exif\0\0" + b"II*\0\x08\0\0\0" + directory


def _large_exif() -> bytes:
    """Return an EXIF block as large as a segment can be: 5,000 tags that all point at themselves."""
    tags = b"".join(struct.pack("<HHLL", 0x8769 + n % 9, 4, 1, 8) for n in range(5_000))
    return b"Exif\0\0" + b"II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + tags


def _mpo(pictures: int = 3) -> bytes:
    file = io.BytesIO()
    first, *rest = [picture(n) for n in range(pictures)]
    first.save(file, "MPO", save_all=True, append_images=rest)
    return file.getvalue()


def readable() -> dict[str, bytes]:
    """Return odd files that are pictures."""
    plain = base()
    return {
        "progressive": base(progressive=True),
        "4:4:4": base(subsampling=0),
        "4:2:2": base(subsampling=1),
        "restart markers": base(restart_marker_blocks=1),
        "grey": encoded(picture(1).convert("L"), "JPEG"),
        "CMYK of Adobe": _cmyk(0),
        "YCCK of Adobe": _cmyk(2),
        "CMYK without a word": _cmyk(None),
        "CMYK with an unknown transform": _cmyk(9),
        "several pictures": _mpo(),
        "65,500 x 1": encoded(Image.new("RGB", (65_500, 1), "red"), "JPEG"),
        "1 x 65,500": encoded(Image.new("L", (1, 65_500), "red"), "JPEG"),
        "1 x 1": encoded(Image.new("RGB", (1, 1), "red"), "JPEG"),
        "no JFIF": plain[:2] + plain[20:],
        "padding before a marker": plain[:2] + b"\xff" * 20 + plain[2:],
        "something behind the end": plain + b"<?php" * 999,
        "a picture behind the end": plain + encoded(picture(3), "JPEG"),
        "a thumbnail in EXIF": _with(segment(0xE1, exif() + base())),
        "a colour profile that is none": _with(segment(0xE2, b"ICC_PROFILE\0\1\1" + b"x" * 60_000)),
        "a profile in 255 parts, one there": _with(segment(0xE2, b"ICC_PROFILE\0\1\xff" + b"x" * 99)),
        "a comment of 64 KB": _with(segment(0xFE, b"x" * 65_533)),
        "1,000 comments": _with(segment(0xFE, b"x") * 1000),
        "photoshop's block cut": _with(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\xff\xff")),
        "multi-picture index that is none": _with(segment(0xE2, b"MPF\0" + b"II*\0\xff\xff\xff\xff")),
        "EXIF of 60 KB that goes in circles": _with(segment(0xE1, _large_exif())),
        "EXIF whose next directory is the first": _with(segment(0xE1, exif(next_ifd=8))),
        "orientation 0": _with(segment(0xE1, exif(0))),
        "orientation 9": _with(segment(0xE1, exif(9))),
        "orientation 65535": _with(segment(0xE1, exif(65_535))),
        "four billion orientations": _with(segment(0xE1, exif(6, count=2**32 - 1))),
        "orientation in words": _with(segment(0xE1, exif(b"six\0", kind=2, count=4))),
        "orientation as a fraction of nothing": _with(segment(0xE1, exif(b"\x08\0\0\0", kind=5))),
        "EXIF behind XMP": _with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>") + segment(0xE1, exif(1))),
    }


def doubtful() -> dict[str, bytes]:
    """Return files that the library may read or refuse, but that must do nothing else."""
    plain = base()
    spans = list(enumerate(markers(plain)))
    cut = {f"cut before marker {number}": plain[:start] for number, (_, start, _) in spans}
    cut |= {f"cut inside marker {number}": plain[: (start + end) // 2] for number, (_, start, end) in spans}
    gone = {f"without segment {number}": plain[:start] + plain[end:] for number, (_, start, end) in spans}
    twice = {f"segment {number} twice": plain[:end] + plain[start:] for number, (_, start, end) in spans}
    at = _frame_at(plain)
    frames = {f"frame of kind {kind:#x}": plain[: at + 1] + bytes([kind]) + plain[at + 2 :] for kind in FRAMES}
    lies = ((0, 0), (64, 0), (1, 1), (65_535, 65_535), (65_535, 1), (6_000, 6_000))
    sizes = {f"{width} x {height}": _sized(width, height) for width, height in lies}
    return {
        **cut, **gone, **twice, **frames, **sizes,
        "12 bits": _patched(4, 12), "16 bits": _patched(4, 16), "1 bit": _patched(4, 1), "no channels": _patched(9, 0),
        "two channels": _patched(9, 2), "four channels": _patched(9, 4), "255 channels": _patched(9, 255),
        "sampled 4 by 4": _patched(11, 0x44), "sampled 15 by 0": _patched(11, 0xF0),
        "quantised by nothing": _patched(12, 3),
        "two starts": plain[:2] + plain, "no end": plain[:-2], "only a start": b"\xff\xd8\xff",
        "only a scan": plain[:2] + plain[-600:], "a scan of noise": plain[:-400] + b"\x5a" * 400,
        "restarts out of order": _with(segment(DRI, b"\0\1")), "a marker without length": _with(b"\xff\xe0\0\0"),
        "a marker longer than the file": _with(b"\xff\xe0\xff\xff"), "10,000 scans": _scans(10_000),
    }  # fmt: skip


def _scans(number: int) -> bytes:
    """Return a progressive picture whose last scan is repeated many times: slow for its size."""
    data = base(progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:-2] + data[start:-2] * number + data[-2:]
