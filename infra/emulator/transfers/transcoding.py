"""Decompressive transcoding: an object stored as gzip is unpacked for a client that does not accept gzip.

Such an answer has no Content-Length and no Content-Encoding, and a Range is ignored, as Cloud Storage documents it.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import BinaryIO

from infra.emulator.protocol.messages import Request
from infra.emulator.resources.rows import ObjectRow

PIECE_BYTES = 256 * 1024
_GZIP = 16 + zlib.MAX_WBITS


def is_unpacked(row: ObjectRow, request: Request) -> bool:
    """Tell whether this client gets the object unpacked."""
    if row.content_encoding != "gzip" or "no-transform" in str(row.config.get("cacheControl", "")):
        return False
    offers = [offer.partition(";") for offer in request.header("accept-encoding").lower().split(",")]
    return not any(name.strip() in ("gzip", "*") and quality.strip() != "q=0" for name, _, quality in offers)


def is_gzip(file: BinaryIO) -> bool:
    """Tell whether a content begins like gzip; the file is left at its start."""
    start = file.read(2)
    file.seek(0)
    return start == b"\x1f\x8b"


async def unpacked(file: BinaryIO) -> AsyncIterator[bytes]:
    """Unpack a content, in pieces of bounded size. Raises zlib.error if it is cut off or damaged."""
    pieces = _pieces(file)
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    data = b""
    while data := data or file.read(PIECE_BYTES):
        piece = unpacker.decompress(data, PIECE_BYTES)
        if piece:
            yield piece
        if unpacker.eof:  # several gzip members after each other are one content
            data, unpacker = unpacker.unused_data, zlib.decompressobj(_GZIP)
        else:
            data = unpacker.unconsumed_tail
    if rest := unpacker.flush():
        yield rest
