"""Requests and responses over ASGI.

No web framework is used, for two reasons: signatures are verified over the path and the query exactly as they
were sent, which frameworks decode first; and the server must be listening within half a second.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus

from infra.emulator.protocol.errors import INVALID, PARSE_ERROR, ApiError
from infra.emulator.protocol.numbers import whole_number
from jobs.json_values import Json, JsonObject

# The types of ASGI: the server fills these mappings, with values of many types.
Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Decode = Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]  # from a body as it was sent to what it means

# Metadata may hold these, a header may not. RFC 9110, section 5.5, replaces the worst of them by spaces.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
JSON_BODY_BYTES = 2 * 1024 * 1024  # a resource with all its metadata is far smaller


class ClientGone(Exception):
    """The error of a client that closed the connection before the whole request had come."""


class Request:
    """A request: path and query are kept as they were sent, header names are in lower case, the body is a stream."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        self.query: str = scope["query_string"].decode("latin-1")
        self.pairs = _pairs(self.query, unquote)  # read as signatures are: a plus is a plus, a space is %20
        self.params = dict(reversed(_pairs(self.query, unquote_plus)))  # the first of equal names is used
        self.headers: list[tuple[str, str]] = [
            (name.decode("latin-1"), value.decode("latin-1").strip()) for name, value in scope["headers"]
        ]
        self._by_name = dict(reversed(self.headers))
        self._scheme: str = scope.get("scheme", "http")
        self._receive = receive
        self._decode: Decode | None = None
        self._decoded_length: int | None = None
        self.touched = False  # true: a handler has begun to read the body
        self.speaks_amazon = False  # true: names of headers came as Amazon writes them

    def header(self, name: str, default: str = "") -> str:
        """Get the first header of that name (lower case)."""
        return self._by_name.get(name, default)

    def rename_headers(self, start: str, new: str) -> None:
        """Give every header whose name begins with `start` a name that begins with `new`."""
        self.headers = [
            (new + name[len(start) :] if name.startswith(start) else name, value) for name, value in self.headers
        ]
        self._by_name = dict(reversed(self.headers))

    def drop_headers(self, start: str) -> None:
        """Remove every header whose name begins with `start`."""
        self.headers = [(name, value) for name, value in self.headers if not name.startswith(start)]
        self._by_name = dict(reversed(self.headers))

    def set_header(self, name: str, value: str) -> None:
        """Replace the headers of a name (lower case) by one."""
        self.headers = [*((other, text) for other, text in self.headers if other != name), (name, value)]
        self._by_name = dict(reversed(self.headers))

    def decode_body(self, decode: Decode, length: int) -> None:
        """Let `stream` give the body decoded; `length` is its number of bytes then."""
        self._decode, self._decoded_length = decode, length

    def flag(self, name: str) -> bool:
        """Tell whether a parameter of the query is `true`."""
        return self.params.get(name, "").lower() == "true"

    @property
    def host(self) -> str:
        """The Host header in lower case, with the port if it was sent."""
        return self.header("host", "localhost").lower()

    @property
    def scheme(self) -> str:
        """The scheme by which the client came here: `http`, or `https`, directly or by a proxy that says so."""
        told = self.header("x-forwarded-proto").partition(",")[0].strip().lower()
        return told if told in ("http", "https") else self._scheme

    @property
    def length(self) -> int | None:
        """The Content-Length in bytes, or None if there is none; of a body that is decoded, what it has then."""
        return whole_number(self.header("content-length")) if self._decode is None else self._decoded_length

    def stream(self) -> AsyncIterator[bytes]:
        """Read the body in pieces. Raises ClientGone if the connection closes before the end."""
        return self._as_sent() if self._decode is None else self._decode(self._as_sent())

    async def _as_sent(self) -> AsyncIterator[bytes]:
        self.touched = True
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            body = message.get("body", b"")
            if body:
                yield body

    async def body(self, limit: int = JSON_BODY_BYTES) -> bytes:
        """Read the whole of a small body. Raises ApiError if it is longer than `limit` bytes."""
        parts: list[bytes] = []
        size = 0
        async for part in self.stream():
            size += len(part)
            if size > limit:
                raise ApiError(INVALID, "Request body is too large.")
            parts.append(part)
        return b"".join(parts)

    async def json(self) -> JsonObject:
        """Read the body as a JSON object; {} if it is empty. Raises ApiError."""
        return parse_json(await self.body())


@dataclass
class Response:
    """The answer to a request. If there is a `stream`, it is sent after `body`."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    stream: AsyncIterator[bytes] | None = None
    length: int | None = None  # Content-Length in bytes, if it differs from the length of `body`
    after: Callable[[], None] | None = None  # called after the answer is sent or has failed
    length_known: bool = True  # false: the answer has no Content-Length
    value: Json = None  # the value of `body`, if that is JSON

    def set_json(self, value: Json) -> None:
        """Make this JSON value the body."""
        self.value = value
        self.body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def parse_json(data: bytes) -> JsonObject:
    """Parse a JSON object; {} for no data, and for null, which some clients send for no data. Raises ApiError."""
    if not data.strip():
        return {}
    try:
        value = json.loads(data, parse_constant=_refuse)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise ApiError(PARSE_ERROR) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(PARSE_ERROR)
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def json_response(value: Json, status: int = 200) -> Response:
    """Make a JSON answer."""
    response = Response(status, headers=[("content-type", "application/json; charset=UTF-8")])
    response.set_json(value)
    return response


async def send_response(response: Response, send: Send, *, head: bool) -> None:
    """Send an answer; without its body if the request was a HEAD."""
    length = len(response.body) if response.length is None else response.length
    headers = [(name.encode("latin-1"), _CONTROL.sub(" ", value).encode()) for name, value in response.headers]
    if response.status not in (204, 304) and response.length_known:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    try:
        if response.stream is not None and not head:
            async for piece in response.stream:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": b"" if head else response.body})
    finally:
        if response.after is not None:
            response.after()


def _pairs(query: str, decode: Callable[[str], str]) -> list[tuple[str, str]]:
    pieces = [piece.partition("=") for piece in query.split("&") if piece]
    return [(decode(name), decode(value)) for name, _, value in pieces]
