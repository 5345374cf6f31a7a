"""The server's HTTP connection: what it does beyond uvicorn's.

A small answer is sent as one packet, fault rules can break a connection, and some clients are spared what they cannot
take: names of headers in lower case, and the refusal of bodies whose length is told twice.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, cast

import uvicorn.protocols.http.httptools_impl as httptools_impl

_HEAD_ENDS = b"\r\n\r\n"
_IDENTITY = re.compile(rb"\r\nTransfer-Encoding:[ \t]*identity[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\nTransfer-Encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\nContent-Length:[^\r\n]*(?=\r\n)", re.IGNORECASE)
_NAME = re.compile(rb"\r\n(?!x-goog-)[a-z-]+: ")
_SPELLED = {
    f"\r\n{name.lower()}: ".encode(): f"\r\n{name}: ".encode()
    for name in (
        "Accept-Ranges", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
        "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Cache-Control", "Connection", "Content-Disposition",
        "Content-Encoding", "Content-Language", "Content-Length", "Content-Range", "Content-Type", "Date", "ETag",
        "Last-Modified", "Location", "Range", "Transfer-Encoding", "Vary", "Warning", "X-GUploader-UploadID",
    )
}  # fmt: skip


class Protocol(httptools_impl.HttpToolsProtocol):
    """The protocol of uvicorn, with the connection in the ASGI scope, because ASGI has no way to break one."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._between = True  # true: the next byte begins a request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        """Accept a new connection."""
        super().connection_made(cast(asyncio.Transport, _JoiningTransport(transport)))

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        if self._between and (b"identity" in data or b"chunked" in data):
            head, end, rest = data.partition(_HEAD_ENDS)
            data = _with_one_length(head + end) + rest
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Put the connection into the scope of a new request."""
        super().on_message_begin()
        self._between = False
        self.scope["state"]["transport"] = self.transport

    def on_headers_complete(self) -> None:
        """Begin to answer, with a head as the service writes it."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = cast(asyncio.Transport, _Spelling(self.cycle.transport))

    def on_message_complete(self) -> None:
        """Note the end of a request."""
        super().on_message_complete()
        self._between = True


def _with_one_length(head: bytes) -> bytes:
    """Remove from the head of a request what the parser refuses and the service does not.

    TensorFlow's client says `identity`, which means nothing, and beside `chunked` it tells a length, which counts less.
    """
    head = _IDENTITY.sub(b"", head)
    return _LENGTH.sub(b"", head) if _CHUNKED.search(head) else head


class _Spelling:
    """The transport of one answer, which spells the names in its head as the service does: `Content-Length`.

    Case means nothing in them, but TensorFlow's client and fog look for `Location` and `Content-Length` as they are
    written here.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._due = True  # true: the head has not been written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send the data, of which the first piece is the head; a 100 may be before it."""
        if self._due and not data.startswith(b"HTTP/1.1 100 "):
            self._due = False
            data = _NAME.sub(_spelled, data)
        self._transport.write(data)


def _spelled(match: re.Match[bytes]) -> bytes:
    return _SPELLED.get(match[0], match[0])


class _JoiningTransport:
    """A transport that sends the head of an answer with the first piece of its body.

    A small answer costs a fifth less.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send the data; a head waits for its body, at most until this turn of the event loop ends."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(b"HTTP/1.1 ") and data.endswith(_HEAD_ENDS):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
