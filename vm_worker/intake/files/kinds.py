"""Tell what a file is by its first bytes: names may lie, and many photos have odd endings or none."""

from __future__ import annotations

import struct

HEAD_BYTES = 32  # first bytes of a file that `picture_kind` needs

_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"IIRO", "camera raw"),
    (b"IIU\0", "camera raw"),
)
# ISO/IEC 14496-12: four bytes of length, "ftyp", then the file's major brand.
_BRANDS = {
    b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"heis": "HEIC", b"hevc": "HEIC", b"hevx": "HEIC",
    b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF", b"avis": "AVIF", b"crx ": "camera raw",
}  # fmt: skip
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # lengths of the header that follows the file's own


def picture_kind(head: bytes) -> str | None:
    """Return the kind of picture that a file is by its first bytes, such as "JPEG"; None where it is no picture."""
    kind = next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), None)
    if kind:
        return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return "AVIF" if b"avif" in head[8:] else _BRANDS.get(head[8:12])
    return "BMP" if _is_bmp(head) else None


def _is_bmp(head: bytes) -> bool:
    # "BM" alone begins texts, too.
    return head[:2] == b"BM" and len(head) >= 18 and struct.unpack_from("<L", head, 14)[0] in _BMP_HEADERS
