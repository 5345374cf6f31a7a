"""Write GIF, BMP and WebP files byte by byte, and pictures of other formats under a photo's name."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from PIL import Image

from tests.unit.intake.crafted import encoded, picture

GIF_PALETTE = bytes(range(12))
BMP_PALETTE = b"\0\0\0\0" + b"\xff\xff\xff\0"


def _lzw(pixels: int) -> bytes:
    """Encode so many pixels of colour 1. A "clear" (code 4) before every second one keeps all codes 3 bits wide."""
    codes = [code for _ in range(pixels // 2) for code in (4, 1, 1)] + [5]
    bits = sum(code << 3 * place for place, code in enumerate(codes))
    packed = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    return b"\2" + bytes([len(packed)]) + packed + b"\0"


GIF_PIXELS = _lzw(16)


def gif(
    frames: Sequence[tuple[int, int, int, int]] = ((0, 0, 4, 4),),
    canvas: tuple[int, int] = (4, 4),
    *,
    pixels: bytes = GIF_PIXELS,
    blocks: bytes = b"",
    palette: bool = True,
) -> bytes:
    """Return a GIF of frames at (left, top, width, height)."""
    head = b"GIF89a" + struct.pack("<2H3B", *canvas, 0x81 if palette else 0, 0, 0) + (GIF_PALETTE if palette else b"")
    body = b"".join(b"," + struct.pack("<4HB", *frame, 0) + pixels for frame in frames)
    return head + blocks + body + b";"


def gifs() -> dict[str, bytes]:
    """Return GIFs with frames that are missing, outside, without end, or without colours."""
    return {
        "one frame": gif(),
        "no frame": gif(()),
        "only a header": gif(())[:13],
        "a frame outside the canvas": gif([(9, 9, 4, 4)]),
        "a frame half outside": gif([(2, 2, 4, 4)]),
        "a frame far outside": gif([(65_535, 65_535, 4, 4)]),
        "a frame without size": gif([(0, 0, 0, 0)]),
        "a frame larger than its pixels": gif([(0, 0, 400, 400)], (400, 400)),
        "a canvas without size": gif(canvas=(0, 0)),
        "a canvas of 65,535 x 65,535": gif(canvas=(65_535, 65_535)),
        "a frame of 65,535 x 65,535": gif([(0, 0, 65_535, 65_535)]),
        "10,000 frames": gif([(0, 0, 4, 4)] * 10_000),
        "no palette": gif(palette=False),
        "code size 0": gif(pixels=b"\0" + GIF_PIXELS[1:]),
        "code size 12": gif(pixels=b"\x0c" + GIF_PIXELS[1:]),
        "codes from nowhere": gif(pixels=b"\x02\x10" + b"\xff" * 16 + b"\0"),
        "pixels without end": gif(pixels=b"\x02" + (b"\xff" + b"\x8c" * 255) * 999),
        "comments without end": gif(blocks=b"!\xfe" + (b"\xff" + b"x" * 255) * 9_999),
        "an unknown block": gif(blocks=b"!\x99\x04abcd\0"),
        "loops for ever": gif(blocks=b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"),
        "a clear colour past the palette": gif(blocks=b"!\xf9\x04\x01\0\0\xff\0"),
        "rows in four passes": gif().replace(struct.pack("<4HB", 0, 0, 4, 4, 0), struct.pack("<4HB", 0, 0, 4, 4, 0x40)),
        "version 87a": gif().replace(b"89a", b"87a"),
        "version 90z": gif().replace(b"89a", b"90z"),
    }


def bmp(bits: int, pixels: bytes, *, size: int = 40, height: int = 4, packing: int = 0, extra: bytes = b"") -> bytes:
    """Return a BMP 4 pixels wide; `extra` are the bytes between header and pixels: palette or masks."""
    if size == 12:  # of OS/2
        info = struct.pack("<LHHHH", 12, 4, height, 1, bits)
    else:
        info = struct.pack("<L2l2H6L", size, 4, height, 1, bits, packing, 0, 0, 0, 0, 0).ljust(size, b"\0")
    start = 14 + len(info) + len(extra)
    return struct.pack("<2sLHHL", b"BM", start + len(pixels), 0, 0, start) + info + extra + pixels


MASKS_565 = struct.pack("<3L", 0xF800, 0x07E0, 0x001F)
MASKS_8888 = struct.pack("<4L", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def bmps() -> dict[str, bytes]:
    """Return BMPs of every header, depth and packing."""
    grey = b"".join(struct.pack("<4B", n, n, n, 0) for n in range(256))
    known = (16, 40, 52, 56, 64, 108, 124, 200)
    sizes = {f"header of {size} bytes": bmp(24, b"\x80" * 48, size=size) for size in known}
    return {
        **sizes,
        "of OS/2": bmp(24, b"\x80" * 48, size=12),
        "1 bit": bmp(1, b"\xf0\0\0\0" * 4, extra=BMP_PALETTE),
        "4 bits": bmp(4, b"\x01\x01\0\0" * 4, extra=BMP_PALETTE * 8),
        "8 bits": bmp(8, b"\x01\xff\x80\x40" * 4, extra=grey),
        "8 bits without palette": bmp(8, b"\x01" * 16),
        "16 bits": bmp(16, b"\xff\x7f" * 16),
        "16 bits of masks": bmp(16, b"\xff\xff" * 16, packing=3, extra=MASKS_565),
        "32 bits": bmp(32, b"\x80" * 64),
        "32 bits of masks": bmp(32, b"\x80" * 64, size=56, packing=3).replace(b"\0" * 16, MASKS_8888, 1),
        "masks of nothing": bmp(32, b"\x80" * 64, packing=3, extra=b"\0" * 12),
        "top row first": bmp(24, b"\x80" * 48, height=-4),
        "RLE of 8 bits": bmp(8, b"\4\1\0\0" * 4 + b"\0\1", packing=1, extra=grey),
        "RLE of 4 bits": bmp(4, b"\4\x11\0\0" * 4 + b"\0\1", packing=2, extra=BMP_PALETTE * 8),
        "RLE that runs out": bmp(8, b"\xff\1" * 99, packing=1, extra=grey),
        "RLE that jumps out": bmp(8, b"\0\2\xff\xff" * 99, packing=1, extra=grey),
        "RLE of bytes as they are": bmp(8, b"\0\xff" + b"\1" * 3, packing=1, extra=grey),
        "a JPEG inside": bmp(24, b"\xff\xd8\xff", packing=4),
        "a PNG inside": bmp(24, b"\x89PNG", packing=5),
        "unknown packing": bmp(24, b"\x80" * 48, packing=99),
        "3 bits": bmp(3, b"\x80" * 48),
        "64 bits": bmp(64, b"\x80" * 128),
        "no pixels": bmp(24, b""),
        "no height": bmp(24, b"\x80" * 48, height=0),
        "two billion rows": bmp(24, b"\x80" * 48, height=2**31 - 1),
        "two billion rows, upside down": bmp(24, b"\x80" * 48, height=-(2**31)),
        "only a header": bmp(24, b"")[:30],
    }  # fmt: skip


def webps() -> dict[str, bytes]:
    """Return WebPs: lossy, lossless, transparent, animated, and with false headers."""
    image, clear = picture(31, 64, 48), picture(31, 64, 48).convert("RGBA")
    clear.putalpha(128)
    frames = [picture(n, 64, 48) for n in range(3)]
    moving = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    lossy, lossless, alpha = encoded(image, "WEBP"), encoded(image, "WEBP", lossless=True), encoded(clear, "WEBP")
    huge = moving.replace(moving[24:30], b"\xff" * 6, 1)  # a canvas of 2^24 x 2^24
    return {
        "lossy": lossy,
        "lossless": lossless,
        "clear": alpha,
        "clear and lossless": encoded(clear, "WEBP", lossless=True),
        "moving": moving,
        "with EXIF": encoded(image, "WEBP", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
        "a huge canvas": huge,
        "said to be longer": lossy[:4] + b"\xff\xff\xff\x7f" + lossy[8:],
        "said to be shorter": lossy[:4] + b"\x10\0\0\0" + lossy[8:],
        "only a header": lossy[:12],
        "pixels cut": lossy[: len(lossy) // 2],
        "frames cut": moving[: len(moving) * 2 // 3],
        "alpha without picture": alpha[: alpha.index(b"VP8 ")],
        "noise for pixels": lossless[:25] + b"\xa5" * 400,
        "said to be lossless": lossy.replace(b"VP8 ", b"VP8L"),
    }


def others() -> dict[str, bytes]:
    """Return pictures, and files that look like pictures, of formats that are not read."""
    image = picture(41, 64, 64)
    kinds = ("TIFF", "ICO", "PPM", "PCX", "TGA", "ICNS", "JPEG2000", "DDS", "SGI")
    saved = {kind: encoded(image, kind) for kind in kinds}
    return {
        **saved,
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 400,
        "PSD": b"8BPS\0\1" + b"\0" * 6 + struct.pack(">H2L2H", 3, 64, 64, 8, 3) + b"\0" * 9999,
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n",
        "PDF": b"%PDF-1.7\n1 0 obj<</Length 9>>",
        "HTML": b"<html><img src=x onerror=alert(1)></html>",
        "camera raw": b"II\x1a\0\0\0HEAPCCDR" + b"\0" * 400,
        "FITS": b"SIMPLE  =                    T".ljust(2880),
        "MP4": b"\0\0\0\x18ftypmp42" + b"\0" * 400,
        "a shell script": b"#!/bin/sh\nrm -rf /\n",
        "a cursor": encoded(Image.new("RGB", (32, 32)), "ICO").replace(b"\0\0\1\0", b"\0\0\2\0", 1),
        "AppleDouble": struct.pack(">2L16xH", 0x00051607, 0x00020000, 2) + b"\0" * 94,
        "zeros": b"\0" * 5000,
        "spaces": b" " * 5000,
    }
