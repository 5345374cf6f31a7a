"""Write PNG files byte by byte: every colour type, depth and interlacing, the expected pixels, and PNG bombs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
KINDS = [(colour, depth, interlaced) for colour in DEPTHS for depth in DEPTHS[colour] for interlaced in (False, True)]
# Adam7 (PNG specification, section 8.2): first column, first row, step of columns, step of rows.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
SIDE = 32  # pixels
MEGABYTE = 1_000_000


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk: length, kind, body, checksum."""
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def header(width: int, height: int, colour: int = RGB, depth: int = 8, interlaced: bool = False) -> bytes:
    """Return the signature and the chunk IHDR."""
    return SIGNATURE + chunk(b"IHDR", struct.pack(">2L5B", width, height, depth, colour, 0, 0, interlaced))


@dataclass(frozen=True)
class Png:
    """A kind of PNG with its samples, a ramp with some noise."""

    colour: int
    depth: int
    interlaced: bool

    @property
    def samples(self) -> NDArray[np.uint32]:
        """(side, side, channels), 0 .. 2^depth - 1."""
        noise = np.random.default_rng(self.depth).random((SIDE, SIDE, CHANNELS[self.colour]))
        ramp = np.linspace(0, 1, SIDE)[:, None, None]
        return np.asarray(((ramp * 0.8 + noise * 0.2) * (2**self.depth - 1)).round(), dtype=np.uint32)

    @property
    def palette(self) -> NDArray[np.uint8]:
        """(2^depth, 3)."""
        return np.random.default_rng(3).integers(0, 256, (2**self.depth, 3), dtype=np.uint8)

    def data(self, chunks: bytes = b"") -> bytes:
        """Return the file, with these chunks before its pixels."""
        start = header(SIDE, SIDE, self.colour, self.depth, self.interlaced)
        plte = chunk(b"PLTE", self.palette.tobytes()) if self.colour == PALETTE else b""
        rows = b"".join(b"\0" + row for row in self._rows())
        return start + plte + chunks + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

    def _rows(self) -> Iterator[bytes]:
        for x, y, right, down in PASSES if self.interlaced else ((0, 0, 1, 1),):
            for row in self.samples[y::down, x::right]:
                yield self._packed(row.ravel())

    def _packed(self, row: NDArray[np.uint32]) -> bytes:
        if self.depth == 16:
            return row.astype(">u2").tobytes()
        bits = (row[:, None] >> np.arange(self.depth - 1, -1, -1)) & 1
        return np.packbits(bits.astype(np.uint8).ravel()).tobytes()

    def expected(self) -> NDArray[np.float64]:
        """Return the expected pixels (side, side, 3), 0..255, alpha over white."""
        if self.colour == PALETTE:
            return self.palette[self.samples[:, :, 0]].astype(np.float64)
        share = self.samples / (2**self.depth - 1)
        alpha = share[:, :, -1:] if self.colour in (GREY_ALPHA, RGBA) else 1.0
        shades = share[:, :, :3] if self.colour in (RGB, RGBA) else np.repeat(share[:, :, :1], 3, axis=2)
        return np.asarray((shades * alpha + 1 - alpha) * 255)


PLAIN = Png(RGB, 8, False)


@cache
def much() -> bytes:
    """Return 100 MB, compressed."""
    return zlib.compress(b"\0" * (100 * MEGABYTE), 9)


def _blank(width: int, height: int, colour: int = GREY, depth: int = 8) -> bytes:
    """Return rows of zeros, compressed."""
    body = zlib.compress(bytes(height * (1 + (width * CHANNELS[colour] * depth + 7) // 8)), 9)
    return header(width, height, colour, depth) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _text(kind: bytes) -> bytes:
    start = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[kind]
    return chunk(kind, start + much())


def _animated(frames: int, width: int = SIDE) -> bytes:
    """Return an animation that declares so many frames, the first of which has the given width."""
    control = chunk(b"acTL", struct.pack(">2L", frames, 0))
    return PLAIN.data(control + chunk(b"fcTL", struct.pack(">5L2H2B", 0, width, SIDE, 0, 0, 1, 1, 0, 0)))


@cache
def bombs() -> dict[str, bytes]:
    """Return small files that would fill a memory or take a day; each is read or refused."""
    plain = PLAIN.data()
    return {
        "100 MB of text": PLAIN.data(_text(b"zTXt")),
        "100 MB of international text": PLAIN.data(_text(b"iTXt")),
        "100 MB of colour profile": PLAIN.data(_text(b"iCCP")),
        "a hundred texts": PLAIN.data(chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * (MEGABYTE // 2))) * 200),
        "100,000 chunks": PLAIN.data(chunk(b"tEXt", b"a\0b") * 100_000),
        "100 MB of pixels too many": plain[:-12] + chunk(b"IDAT", much()) + plain[-12:],
        "pixels of a larger picture": header(SIDE, SIDE) + chunk(b"IDAT", much()) + chunk(b"IEND", b""),
        "a picture of 40 megapixels": _blank(8000, 5000),
        "a picture of 41 megapixels": _blank(8200, 5000),
        "a row of 65,535 pixels": _blank(65_535, 1),
        "a column of 65,535 pixels": _blank(1, 65_535, RGBA, 16),
        "a row of two billion pixels": _blank(1, 1).replace(struct.pack(">2L", 1, 1), struct.pack(">2L", 2**31 - 1, 1)),
        "65,535 x 65,535": header(65_535, 65_535) + chunk(b"IDAT", much()) + chunk(b"IEND", b""),
        "four billion frames": _animated(2**32 - 1),
        "a frame wider than the picture": _animated(1, 2**31 - 1),
        "a chunk of two gigabytes": plain[:33] + struct.pack(">L4s", 2**31 - 1, b"tEXt") + plain[33:],
        "a chunk of four gigabytes": plain[:33] + struct.pack(">L4s", 2**32 - 1, b"tEXt") + plain[33:],
    }


def oddities() -> dict[str, bytes]:
    """Return files with structures that some readers fail on."""
    plain, palette = PLAIN.data(), Png(PALETTE, 8, False)
    whole, short = chunk(b"PLTE", palette.palette.tobytes()), chunk(b"PLTE", b"abcdef")
    end = chunk(b"IEND", b"")
    return {
        "no pixels": header(SIDE, SIDE) + end,
        "only a header": header(SIDE, SIDE),
        "no header": SIGNATURE + plain[33:],
        "only a signature": SIGNATURE,
        "two headers": header(SIDE, SIDE) + header(9, 9)[8:] + plain[33:],
        "no size": header(0, 0) + plain[33:],
        "depth 3": header(SIDE, SIDE, RGB, 3) + plain[33:],
        "colour type 5": header(SIDE, SIDE, 5) + plain[33:],
        "a palette picture without palette": header(SIDE, SIDE, PALETTE) + chunk(b"IDAT", much()[:900]) + end,
        "a palette of two colours for 256": palette.data().replace(whole, short),
        "a palette of odd length": PLAIN.data(chunk(b"PLTE", b"abcd")),
        "clear colours past the palette": palette.data(chunk(b"tRNS", b"\0" * 999)),
        "a clear colour cut short": PLAIN.data(chunk(b"tRNS", b"\0")),
        "no end": plain[:-12],
        "something behind the end": plain + b"x" * 9999,
        "checksum of the pixels wrong": plain[:-16] + b"xxxx" + plain[-12:],
        "unknown chunk that matters": PLAIN.data(chunk(b"EVIL", b"x")),
        "a wild gamma": PLAIN.data(chunk(b"gAMA", b"\0" * 4) + chunk(b"cHRM", b"\xff" * 32)),
        "EXIF without end": PLAIN.data(chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 40)),
    }  # fmt: skip
