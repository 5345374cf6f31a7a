"""Batches of the JSON API: several calls in one multipart/mixed body, answered one after the other."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from email.message import Message
from http import HTTPStatus

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Event, Receive, Request, Response, Scope
from infra.emulator.protocol.numbers import whole_number

MAX_CALLS = 100
_BODY_BYTES = 32 * 1024 * 1024

_REASONS = {status.value: status.phrase for status in HTTPStatus}

Answer = Callable[[Request], Awaitable[Response]]


async def batch(request: Request, answer: Answer) -> Response:
    """Answer POST /batch/storage/v1: answer all calls of a batch. Raises ApiError if the body is no batch."""
    message = Message()
    message["content-type"] = request.header("content-type")
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/mixed" or not isinstance(boundary, str) or not boundary:
        raise ApiError(INVALID, "The Content-Type header must be multipart/mixed, with a boundary.")
    mark = boundary.encode("latin-1")
    pieces = (await request.body(_BODY_BYTES)).replace(b"\r\n", b"\n").split(b"--" + mark)[1:-1]
    if not 1 <= len(pieces) <= MAX_CALLS:
        raise ApiError(INVALID, f"A batch must hold 1 to {MAX_CALLS} calls.")
    border = f"batch_{secrets.token_hex(16)}"
    parts = [_part(border, *await _called(request, piece, answer)) for piece in pieces]
    body = b"".join(parts) + f"--{border}--\r\n".encode()
    return Response(200, body, [("content-type", f"multipart/mixed; boundary={border}")])


async def _called(outer: Request, piece: bytes, answer: Answer) -> tuple[str, Response]:
    """Answer one call of the batch; returns the id of its part, and the answer."""
    head, _, inner = piece.lstrip(b"\n").partition(b"\n\n")
    name = _headers(head).get("content-id", "")
    head, _, body = inner.partition(b"\n\n")
    line, _, rest = head.lstrip(b"\n").partition(b"\n")
    words = line.decode("latin-1").split(" ")
    if len(words) < 2 or not words[1]:
        raise ApiError(INVALID, "A part of the batch is no HTTP request.")
    path, _, query = words[1].partition("?")
    if "//" in path[:8]:
        path = "/" + path.split("//", 1)[1].partition("/")[2]
    if "/upload/" in path or "/download/" in path or path.startswith("/batch"):
        raise ApiError(INVALID, "Uploads and downloads cannot be part of a batch.")
    headers = {"host": outer.host, **_headers(rest)}
    length = whole_number(headers.get("content-length", ""))
    body = body if length is None else body[:length]
    scope: Scope = {
        "method": words[0], "raw_path": path.encode("latin-1"), "query_string": query.encode("latin-1"),
        "headers": [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()],
    }  # fmt: skip
    return name, await answer(Request(scope, _once(body)))


def _once(body: bytes) -> Receive:
    async def receive() -> Event:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _headers(head: bytes) -> dict[str, str]:
    pairs = [line.decode("latin-1").partition(":") for line in head.split(b"\n") if b":" in line]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _part(border: str, name: str, response: Response) -> bytes:
    reason = _REASONS.get(response.status, "")
    told = f"<response-{name.strip('<>')}>" if name else ""
    headers = [*response.headers, ("content-length", str(len(response.body)))]
    inner = "".join(f"{key.title()}: {value}\r\n" for key, value in headers)
    head = f"--{border}\r\nContent-Type: application/http\r\n" + (f"Content-ID: {told}\r\n" if told else "")
    return f"{head}\r\nHTTP/1.1 {response.status} {reason}\r\n{inner}\r\n".encode() + response.body + b"\r\n"
