"""The bodies of requests: how large each may be, and how much memory all of them may hold together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from vm_worker.exports.service.runtime.limits import AGAIN_SECONDS, ROOM_BYTES


class Refused(Exception):
    """A request that cannot be answered; `status` is HTTP's, `again` the seconds after which it may be."""

    def __init__(self, status: int, code: str, message: str, again: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.again = status, code, message, again


class Room:
    """Bytes that the bodies of all requests may hold together; only the event loop's thread uses it."""

    def __init__(self, most: int = ROOM_BYTES) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Hold so many bytes. Raises Refused where there are not so many left."""
        if size > self._left:
            raise Refused(503, "busy", "The service is busy with other pictures. Try again in a moment.", AGAIN_SECONDS)
        self._left -= size

    def give(self, size: int) -> None:
        """Give bytes back that were taken."""
        self._left += size


@asynccontextmanager
async def received(request: Request, most: int) -> AsyncIterator[bytes]:
    """The whole body, kept for the request's later readers; its room is held until the end of the context.

    Raises Refused for one of more than `most` bytes, for one that there is no room for, and where the client leaves.
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
    """Refuse a body before it comes, where the request says how long it is."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)


def _too_large(most: int) -> Refused:
    return Refused(413, "too_large", f"A request may have {most} bytes.")
