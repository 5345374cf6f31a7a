"""Multipart bodies, streamed: multipart/related as JSON uploads have it, multipart/form-data as pages post it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message
from typing import Any

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import parse_json

_HEAD_BYTES = 2 * 1024 * 1024  # everything before the content: metadata, fields, the headers of all parts


class Parts:
    """Reads such a body part by part."""

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

    async def first(self) -> None:
        """Go to the first part."""
        plain = b"--" + self._delimiter[2:].strip(b"'")  # one client quotes it in the header, and not in the body
        while len(self._held) < len(self._delimiter):
            await self._more()
        if self._held.startswith(plain):
            self._delimiter = plain
        await self._until(self._delimiter)
        line = await self._until(b"\n")
        self._newline = b"\r\n" if line.endswith(b"\r") else b"\n"

    async def headers(self) -> dict[str, str]:
        """The headers of the part at hand, names in lower case."""
        headers = {}
        while line := (await self._until(b"\n")).strip():
            name, _, value = line.decode("utf-8", "replace").partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    async def whole(self) -> bytes:
        """The content of a small part; then go to the next one."""
        content = await self._until(self._newline + self._delimiter)
        await self._until(b"\n")
        return content

    async def stream(self) -> AsyncIterator[bytes]:
        """The content of the part at hand in pieces; the rest of the body means nothing. Raises ApiError."""
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
            pass

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


class Related:
    """One part of JSON, one part of content. First `metadata`, then `media`."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        self._parts = Parts(content_type, pieces)
        self.media_type = ""

    async def metadata(self) -> dict[str, Any]:
        """The first part, parsed; `media_type` is known afterwards. Raises ApiError."""
        await self._parts.first()
        await self._parts.headers()
        resource = parse_json(await self._parts.whole())
        self.media_type = (await self._parts.headers()).get("content-type", "")
        return resource

    def media(self) -> AsyncIterator[bytes]:
        """The second part's content in pieces. Raises ApiError when its end is missing."""
        return self._parts.stream()


class Form:
    """Fields, then a file. First `fields`, then `file`."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        self._parts = Parts(content_type, pieces)
        self.filename = ""

    async def fields(self) -> list[tuple[str, str]]:
        """All fields before the file, names as sent; `filename` is known afterwards. Raises ApiError."""
        found: list[tuple[str, str]] = []
        await self._parts.first()
        while True:
            headers = await self._parts.headers()
            name = _parameter(headers, "name")
            if name.lower() == "file":
                self.filename = _parameter(headers, "filename")
                return found
            found.append((name, (await self._parts.whole()).decode("utf-8", "replace")))

    def file(self) -> AsyncIterator[bytes]:
        """The file's content in pieces. Raises ApiError when its end is missing."""
        return self._parts.stream()


def _parameter(headers: dict[str, str], name: str) -> str:
    message = Message()
    message["content-disposition"] = headers.get("content-disposition", "")
    found = message.get_param(name, header="content-disposition")
    return found if isinstance(found, str) else ""
