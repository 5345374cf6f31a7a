"""multipart/related as JSON uploads use it: one part of JSON, one part of content, the second streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message
from typing import Any

from infra.local.emulator.errors import INVALID, ApiError
from infra.local.emulator.http import parse_json

_HEAD_BYTES = 2 * 1024 * 1024  # metadata and the headers of both parts


class Related:
    """Reads such a body. First `metadata`, then `media`."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        message = Message()
        message["content-type"] = content_type
        boundary = message.get_param("boundary")
        if message.get_content_maintype() != "multipart" or not isinstance(boundary, str) or not boundary:
            raise ApiError(INVALID, "Missing multipart boundary in the Content-Type header.")
        self._delimiter = b"--" + boundary.encode("latin-1")
        self._pieces = pieces
        self._held = bytearray()
        self._newline = b"\r\n"  # some clients end their lines with \n alone
        self.media_type = ""

    async def metadata(self) -> dict[str, Any]:
        """The first part, parsed; `media_type` is known afterwards. Raises ApiError."""
        await self._until(self._delimiter)
        line = await self._until(b"\n")
        self._newline = b"\r\n" if line.endswith(b"\r") else b"\n"
        await self._headers()
        resource = parse_json(await self._until(self._newline + self._delimiter))
        await self._until(b"\n")
        self.media_type = (await self._headers()).get("content-type", "")
        return resource

    async def media(self) -> AsyncIterator[bytes]:
        """The second part's content in pieces. Raises ApiError when its end is missing."""
        end = self._newline + self._delimiter
        while True:
            found = self._held.find(end)
            if found >= 0:
                yield bytes(self._held[:found])
                break
            safe = len(self._held) - len(end)
            if safe > 0:
                yield bytes(self._held[:safe])
                del self._held[:safe]
            await self._more()
        async for _ in self._pieces:
            pass  # what follows the end means nothing

    async def _headers(self) -> dict[str, str]:
        headers = {}
        while line := (await self._until(b"\n")).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    async def _until(self, mark: bytes) -> bytes:
        while (found := self._held.find(mark)) < 0:
            if len(self._held) > _HEAD_BYTES:
                raise ApiError(INVALID, "The multipart body's metadata is too large.")
            await self._more()
        before = bytes(self._held[:found])
        del self._held[: found + len(mark)]
        return before

    async def _more(self) -> None:
        try:
            self._held += await anext(self._pieces)
        except StopAsyncIteration:
            raise ApiError(INVALID, "The multipart body ends before its last boundary.") from None
