"""The bodies of requests: the size that each may have, and the memory that all of them may hold together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from vm_worker.exports.service.runtime.limits import AGAIN_SECONDS, ROOM_BYTES


class Refused(Exception):
    """A request that cannot be answered. `status` is the HTTP status, `again` the seconds until a new try."""

    def __init__(self, status: int, code: str, message: str, again: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.again = status, code, message, again


class Room:
    """The bytes that the bodies of all requests may hold together. Only the event loop's thread uses it."""

    def __init__(self, most: int = ROOM_BYTES) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Reserve `size` bytes. Raises Refused when fewer are free."""
        if size > self._left:
            raise Refused(503, "busy", "The service is busy with other pictures. Try again in a moment.", AGAIN_SECONDS)
        self._left -= size

    def give(self, size: int) -> None:
        """Release bytes that were reserved."""
        self._left += size


@asynccontextmanager
async def received(request: Request, most: int) -> AsyncIterator[bytes]:
    """Read the whole body, which stays available to later readers; its bytes are reserved until the end of the context.

    Raises Refused when the body has more than `most` bytes, when no memory is free, or when the client disconnects.
    """
    _check_length(request, most)
    room: Room = request.app.state.room
    parts, size = [], 0
    try:
        async for part in request.stream():
            if size + len(part) > most:
                raise _too_large(most)
            room.take(len(part))
            size += len(part)
            parts.append(part)
        request._body = b"".join(parts)
        parts.clear()
        yield request._body
    except ClientDisconnect as error:
        raise Refused(400, "bad_request", "The request broke off.") from error
    finally:
        room.give(size)


def _check_length(request: Request, most: int) -> None:
    """Refuse a body before it is read, when the request gives its length."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)


def _too_large(most: int) -> Refused:
    return Refused(413, "too_large", f"A request may have {most} bytes.")
