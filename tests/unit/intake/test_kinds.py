"""What a file is by its first bytes."""

from __future__ import annotations

import struct

import pytest

from vm_worker.intake.files.kinds import HEAD_BYTES, picture_kind

KINDS = [
    (b"\xff\xd8\xff\xe0", "JPEG"),
    (b"\xff\xd8", None),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\x89PNG\n\x1a\n", None),  # its line breaks were changed
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
    (b"8BPS\0\1", "Photoshop"),
    (b"FUJIFILMCCD-RAW 0201", "camera raw"),
    (b"IIRO\x08", "camera raw"),
    (b"IIU\0\x08", "camera raw"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
    (b"RIFF\x10\0\0\0WAVEfmt ", None),
    (b"RIFX\x10\0\0\0WEBPVP8 ", None),
    *[(b"\0\0\0\x18ftyp" + brand, "HEIC") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")],
    (b"\0\0\0\x18ftypmif1\0\0\0\0heic", "HEIC"),
    (b"\0\0\0\x18ftypmsf1\0\0\0\0hevc", "HEIC"),
    (b"\0\0\0\x18ftypmif1\0\0\0\0avif", "AVIF"),
    (b"\0\0\0\x18ftypavif", "AVIF"),
    (b"\0\0\0\x18ftypavis", "AVIF"),
    (b"\0\0\0\x18ftypcrx \0\0\0\1", "camera raw"),
    (b"\0\0\0\x18ftypmp42", None),
    (b"\0\0\0\x18moovheic", None),
    (b"\0avifftypmp42", None),  # the length is no brand
    (b"BM", None),
    (b"", None),
    (b"<svg/>", None),
]


@pytest.mark.parametrize(("head", "kind"), KINDS)
def test_a_beginning_tells_the_kind(head: bytes, kind: str | None) -> None:
    assert picture_kind(head) == kind
    assert picture_kind(head.ljust(HEAD_BYTES, b"\1")[:HEAD_BYTES] if head else head) == kind


@pytest.mark.parametrize("length", range(8, 130))
def test_a_bitmap_is_known_by_the_length_of_its_header(length: int) -> None:
    head = b"BM" + bytes(12) + struct.pack("<L", length)
    assert picture_kind(head) == ("BMP" if length in (12, 16, 40, 52, 56, 64, 108, 124) else None)
    assert picture_kind(head[:17]) is None
    assert picture_kind(b"BA" + head[2:]) is None
