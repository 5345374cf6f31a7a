"""Readers of multipart bodies: multipart/related of JSON uploads, multipart/form-data of HTML forms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import parse_json
from jobs.json_values import JsonObject

_HEAD_BYTES = 2 * 1024 * 1024  # everything before the content: metadata, fields, the headers of all parts


class Parts:
    """A reader of a multipart body, part by part, as it comes in."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        message = Message()
        message["content-type"] = content_type
        boundary = message.get_param("boundary")
        if message.get_content_maintype() != "multipart" or not isinstance(boundary, str) or not boundary:
            raise ApiError(INVALID, "Missing multipart boundary in the Content-Type header.")
        self._delimiter = b"--" + boundary.encode("latin-1")
        self._pieces = pieces
        self._held = bytearray()
        self._newline = b"\r\n"  # clients may also end their lines with \n alone

    async def first(self) -> None:
        """Go to the first part. Raises ApiError if there is none."""
        plain = b"--" + self._delimiter[2:].strip(b"'")  # one client quotes it in the header, and not in the body
        while len(self._held) < len(self._delimiter):
            await self._more()
        if self._held.startswith(plain):
            self._delimiter = plain
        await self._until(self._delimiter)
        line = await self._until(b"\n")
        self._newline = b"\r\n" if line.endswith(b"\r") else b"\n"

    async def headers(self) -> dict[str, str]:
        """Read the headers of the current part; names in lower case."""
        headers = {}
        while line := (await self._until(b"\n")).strip():
            name, _, value = line.decode("utf-8", "replace").partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    async def whole(self) -> bytes:
        """Read the content of a small part, and go to the next part."""
        content = await self._until(self._newline + self._delimiter)
        await self._until(b"\n")
        return content

    async def stream(self) -> AsyncIterator[bytes]:
        """Read the content of the current part in pieces, and skip the rest of the body. Raises ApiError."""
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
    """A body with a part of JSON and a part of content. Call `metadata` first, then `media`."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        self._parts = Parts(content_type, pieces)
        self.media_type = ""

    async def metadata(self) -> JsonObject:
        """Parse the first part, and set `media_type`. Raises ApiError."""
        await self._parts.first()
        await self._parts.headers()
        resource = parse_json(await self._parts.whole())
        self.media_type = (await self._parts.headers()).get("content-type", "")
        return resource

    def media(self) -> AsyncIterator[bytes]:
        """Read the content of the second part in pieces. Raises ApiError if its end is missing."""
        return self._parts.stream()


class Form:
    """A form: fields, then a file. Call `fields` first, then `file`."""

    def __init__(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        self._parts = Parts(content_type, pieces)
        self.filename = ""

    async def fields(self) -> list[tuple[str, str]]:
        """Read all fields before the file, names as they were sent, and set `filename`. Raises ApiError."""
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
        """Read the content of the file in pieces. Raises ApiError if its end is missing."""
        return self._parts.stream()


def _parameter(headers: dict[str, str], name: str) -> str:
    message = Message()
    message["content-disposition"] = headers.get("content-disposition", "")
    found = message.get_param(name, header="content-disposition")
    return found if isinstance(found, str) else ""
