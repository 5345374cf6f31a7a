"""HTTP on the wire: uvicorn's protocol over llhttp, with a bound on what of a request is not its body."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vm_worker.exports.service.runtime.limits import FRAME_SHARE, HEAD_BYTES

REFUSAL = "The head of the request is too large."


class Wire(HttpToolsProtocol):
    """By h11 a small request takes twice as long, but h11 bounds its head: llhttp takes what comes.

    Counted is all that is no body: the head, the frames of chunks, what trails them. The body's bound is the
    application's.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._left = HEAD_BYTES

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, at most what the loop reads at a time. Too many end the connection, with a 400."""
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
