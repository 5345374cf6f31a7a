"""HTTP connections: the protocol of uvicorn with llhttp, with limits on silent and slow clients, and on large heads."""

from __future__ import annotations

import json
from asyncio import TimerHandle, Transport
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vm_worker.exports.service.runtime.limits import (
    AGAIN_SECONDS,
    CONNECTIONS,
    FRAME_SHARE,
    HEAD_BYTES,
    SILENCE_SECONDS,
    SLOWEST,
    Patience,
)

CHECKS = 20  # most checks of a connection in the time of the longest silence
REFUSAL = "The head of the request is too large."


class Wire(HttpToolsProtocol):
    """The protocol of uvicorn with llhttp, and with limits that llhttp lacks (h11 has them, but is half as fast).

    The limit on a request counts all bytes outside its body: the head, the frames of chunks, the trailers. The
    application limits the body. uvicorn sets no time limit for a client that stops in the middle of a request. As the
    number of connections is limited, such clients would keep others out. A client that sends a byte now and then would
    too, so that each request must come at a lowest rate once the first seconds are over.
    """

    silence: float = SILENCE_SECONDS
    slowest: float = SLOWEST
    most: int = CONNECTIONS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.app: Any = self.config.loaded_app  # or `full`, with too many connections
        self._left = HEAD_BYTES
        self._heard = 0.0  # time of the client's last bytes, by the event loop's clock
        self._end = 0.0  # time at which the bytes so far have been too slow
        self._look: TimerHandle | None = None  # the next check whether the client has sent something since

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's own
        """Start the time limit for a client that has connected."""
        super().connection_made(transport)
        self._begin()
        self._look = self.loop.call_later(self.silence, self._listen)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit for a client that is gone."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request. Too many bytes outside the body end the connection, with a 400."""
        self._heard = self.loop.time()
        self._end += len(data) / self.slowest
        self._left -= len(data)
        super().data_received(data)
        if self._left < 0 and not self.transport.is_closing():
            self.send_400_response(REFUSAL)

    def on_headers_complete(self) -> None:
        """Take the head of a request from the parser. With too many connections, refuse it and hang up."""
        if len(self.connections) > self.most:
            self.app = full
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body from the parser."""
        self._left += len(body) + len(body) // FRAME_SHARE
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request from the parser, and start to count anew."""
        self._left = HEAD_BYTES
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the time limit again after an answer is sent."""
        self._begin()
        super().on_response_complete()

    def _begin(self) -> None:
        self._heard = self.loop.time()
        self._end = self._heard + self.silence

    def _listen(self) -> None:
        """Close the connection of a client that was silent too long, or too slow; else check again later."""
        now = self.loop.time()
        if self._is_busy():
            self._heard, self._end = now, max(self._end, now + self.silence)
        end = min(self._heard + self.silence, self._end)
        if now >= end:
            self.transport.close()
        else:
            self._look = self.loop.call_at(max(end, now + self.silence / CHECKS), self._listen)

    def _is_busy(self) -> bool:
        """Return whether the client waits for this server: for an answer, or until the server reads more bytes."""
        answering = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
        return answering or self.flow.read_paused


async def full(scope: Any, receive: Any, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Answer a request when there are too many connections."""
    message = "The service has too many connections. Try again in a moment."
    body = json.dumps({"error": {"code": "busy", "message": message}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % AGAIN_SECONDS),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wire(patience: Patience) -> type[Wire]:
    """Return the protocol for a service with these limits."""
    limits = {"silence": patience.silence_seconds, "slowest": patience.slowest, "most": patience.connections}
    return type("Wire", (Wire,), limits)
