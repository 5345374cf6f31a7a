"""Bodies that end or pause too early: an answer after some bytes, a request once an upload has come so far."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from infra.emulator.protocol.messages import Event, Receive, Scope, Send
from infra.emulator.protocol.numbers import whole_number

Act = Callable[[], Awaitable[None]]
_FIRST_LAST = re.compile(rb"bytes (\d{1,18})-(\d{1,18}|\*)/")


class Answer:
    """The `send` of a request, which acts after some bytes of the body.

    An answer with fewer bytes is stopped before its last one, so that a fault always shows.
    """

    def __init__(self, send: Send, count: int, act: Act, *, goes_on: bool) -> None:
        self._send = send
        self._left = count
        self._act = act
        self._goes_on = goes_on  # false: nothing is sent after the act
        self.acted = False

    async def __call__(self, event: Event) -> None:
        """Send an event of the answer."""
        if self.acted:
            if self._goes_on:
                await self._send(event)
            return
        if event["type"] != "http.response.body":
            await self._send(event)
            return
        body, last = event.get("body", b""), not event.get("more_body", False)
        cut = min(self._left, len(body) - 1) if last else self._left
        if len(body) <= cut and not last:
            self._left -= len(body)
            await self._send(event)
            return
        await self._send({"type": "http.response.body", "body": body[: max(0, cut)], "more_body": True})
        self.acted = True
        await self._act()
        if self._goes_on:
            await self._send({**event, "body": body[max(0, cut) :]})


class Upload:
    """The `receive` of a request, which acts once so many bytes of an upload have come."""

    def __init__(self, receive: Receive, left: int, act: Act, *, goes_on: bool) -> None:
        self._receive = receive
        self._left = left  # bytes of this request that pass
        self._act = act
        self._goes_on = goes_on  # false: the client seems to be gone after the act
        self._rest: Event | None = None
        self.acted = False

    async def __call__(self) -> Event:
        """Receive an event of the request."""
        if self.acted:
            return await self._after()
        event = await self._receive()
        body = event.get("body", b"")
        if event["type"] != "http.request" or len(body) < self._left:
            self._left -= len(body)
            return event
        self.acted = True
        self._rest = {**event, "body": body[self._left :]}
        return {"type": "http.request", "body": body[: self._left], "more_body": True}

    async def drain(self) -> None:
        """Take the rest of the request, so that its client can read an answer."""
        event = self._rest or await self._receive()
        while event["type"] == "http.request" and event.get("more_body", False):
            event = await self._receive()

    async def _after(self) -> Event:
        rest, self._rest = self._rest, None
        if rest is None:
            return await self._receive()
        await self._act()
        if not self._goes_on:
            self._rest = rest
            return {"type": "http.disconnect"}
        return rest


def reach(scope: Scope) -> tuple[int, int | None]:
    """Return from where to where in its upload the body of a request goes, in bytes; None if that is not known."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    size = whole_number(length.decode("latin-1"))
    if size is None and b"transfer-encoding" not in headers:
        size = 0
    match = _FIRST_LAST.match(headers.get(b"content-range", b""))
    first = int(match[1]) if match else 0
    return first, None if size is None else first + size
