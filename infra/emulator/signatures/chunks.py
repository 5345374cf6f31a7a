"""Bodies in signed pieces, which clients of Amazon's send where they cannot hash the content beforehand.

Each piece is `SIZE;chunk-signature=SIGNATURE`, a line end, the bytes, a line end; SIZE is hexadecimal, and the last
piece has 0 bytes. Each signature covers the one before it, the first that of the header.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from infra.emulator.protocol.errors import INCOMPLETE_BODY, WRONG_SIGNATURE, ApiError
from infra.emulator.signatures.claims import Claim

KIND = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"  # value of x-amz-content-sha256 for such a body
_MAX_PIECE = 16 * 1024 * 1024  # bytes; clients send 64 KiB to 1 MiB
_HEAD = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})")
_HEAD_BYTES = 100
_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass
class Chain:
    """The signatures of a body's pieces. `key` is the key that signed the header; `last` the signature before."""

    claim: Claim
    key: bytes
    last: str

    def check(self, piece: bytes, signature: str) -> None:
        """Check the next piece. Raises ApiError 403."""
        text = "\n".join((
            "AWS4-HMAC-SHA256-PAYLOAD", self.claim.date, self.claim.credential.scope, self.last, _EMPTY,
            hashlib.sha256(piece).hexdigest(),
        ))  # fmt: skip
        if not hmac.compare_digest(hmac.digest(self.key, text.encode(), "sha256").hex(), signature):
            raise ApiError(WRONG_SIGNATURE, StringToSign=text)
        self.last = signature


async def contents(body: AsyncIterator[bytes], chain: Chain, size: int) -> AsyncIterator[bytes]:
    """Yield the bytes of a body's pieces, each once its signature is checked.

    Raises ApiError 403 for a wrong signature, 400 if the pieces are malformed or do not have `size` bytes in all.
    """
    held, total = _Held(body), 0
    while True:
        length, signature = _head(await held.line())
        piece = await held.exactly(length)
        if await held.exactly(2) != b"\r\n":
            raise ApiError(INCOMPLETE_BODY, "A piece of the body does not end where its head says.")
        chain.check(piece, signature)
        total += length
        if total > size or (not length and total < size):
            raise ApiError(INCOMPLETE_BODY, "The pieces do not have the size that x-amz-decoded-content-length says.")
        if not length:
            break
        yield piece
    if await held.goes_on():
        raise ApiError(INCOMPLETE_BODY, "Bytes come after the last piece.")


def _head(line: bytes) -> tuple[int, str]:
    match = _HEAD.fullmatch(line)
    length = int(match[1], 16) if match else _MAX_PIECE + 1
    if match is None or length > _MAX_PIECE:
        raise ApiError(INCOMPLETE_BODY, "The head of a piece must be SIZE;chunk-signature=SIGNATURE.")
    return length, match[2].decode()


class _Held:
    """A reader of a body, which holds what has come and is not read yet."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._bytes = bytearray()

    async def line(self) -> bytes:
        while (found := self._bytes.find(b"\r\n")) < 0:
            if len(self._bytes) > _HEAD_BYTES:
                return b""  # no head is so long
            await self._more()
        line = await self.exactly(found + 2)
        return line[:-2]

    async def exactly(self, count: int) -> bytes:
        while len(self._bytes) < count:
            await self._more()
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken

    async def goes_on(self) -> bool:
        return bool(self._bytes) or await anext(self._body, None) is not None

    async def _more(self) -> None:
        try:
            self._bytes += await anext(self._body)
        except StopAsyncIteration:
            raise ApiError(INCOMPLETE_BODY, "The body ends before its last piece.") from None
