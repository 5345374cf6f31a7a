"""HTTP on the wire: uvicorn's protocol over llhttp, with bounds on silence and on what of a request is no body."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vm_worker.exports.service.runtime.limits import FRAME_SHARE, HEAD_BYTES, SILENCE_SECONDS

REFUSAL = "The head of the request is too large."


class Wire(HttpToolsProtocol):
    """uvicorn's llhttp protocol with the bounds that llhttp lacks; h11 has them, but takes twice as long.

    Counted is all that is no body: the head, the frames of chunks, what trails them. The body's bound is the
    application's. Nor does uvicorn mind a client that falls silent before its request is whole: connections are
    bounded in number, so it would keep others out.
    """

    silence: float = SILENCE_SECONDS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._left = HEAD_BYTES
        self._heard = 0.0  # when the client last said something, on the loop's clock
        self._look: TimerHandle | None = None  # the next look whether it has said something since

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's own
        """Begin to wait for a client that has connected."""
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._look = self.loop.call_later(self.silence, self._listen)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait for a client that is gone."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take some bytes of a request. Too many that are no body end the connection, with a 400."""
        self._heard = self.loop.time()
        self._left -= len(data)
        super().data_received(data)
        if self._left < 0 and not self.transport.is_closing():
            self.send_400_response(REFUSAL)

    def on_body(self, body: bytes) -> None:
        """The parser's call for each piece of a body."""
        self._left += len(body) + len(body) // FRAME_SHARE
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser's call for the end of a request: the next one begins anew."""
        self._left = HEAD_BYTES
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is sent: the client's turn begins."""
        self._heard = self.loop.time()
        super().on_response_complete()

    def _listen(self) -> None:
        """Hang up on a client that owes us something and has long said nothing; or look again later."""
        now = self.loop.time()
        if self._is_busy():
            self._heard = now
        if now - self._heard >= self.silence:
            self.transport.close()
        else:
            self._look = self.loop.call_at(self._heard + self.silence, self._listen)

    def _is_busy(self) -> bool:
        """Whether it is our turn: to answer, or to take what the client sends."""
        answering = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
        return answering or self.flow.read_paused


def wire(silence: float) -> type[Wire]:
    """The protocol for a service that bears so many seconds of silence."""
    return type("Wire", (Wire,), {"silence": silence})
