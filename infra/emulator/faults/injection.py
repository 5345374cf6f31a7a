"""Injection of faults: requests that match a rule fail in the way of real networks and services."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from functools import partial

from infra.emulator.faults.bodies import Answer, Upload, reach
from infra.emulator.faults.rules import CountedRule, Rule
from infra.emulator.protocol.errors import INTERNAL, INVALID, RATE_LIMITED, ApiError, Kind
from infra.emulator.protocol.messages import App, Event, Receive, Response, Scope, Send, send_response
from infra.emulator.protocol.refusals import refusal_of_path
from jobs.json_values import JsonObject

_KINDS = {
    400: INVALID,
    401: Kind(401, "authError", "AuthenticationRequired", "Invalid Credentials"),
    403: Kind(403, "forbidden", "AccessDenied", "Access denied."),
    408: Kind(408, "requestTimeout", "RequestTimeout", "The request timed out."),
    429: RATE_LIMITED,
    500: INTERNAL,
    502: Kind(502, "backendError", "BadGateway", "Bad Gateway"),
    503: Kind(503, "backendError", "ServiceUnavailable", "Service Unavailable"),
    504: Kind(504, "gatewayTimeout", "GatewayTimeout", "Gateway Timeout"),
}
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST


class Faults:
    """An ASGI application in front of another one. It passes requests on unless a rule matches; the first rule wins."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._rules: list[CountedRule] = []

    def order(self, rules: Sequence[Rule]) -> None:
        """Replace all rules by these. Their counts begin now."""
        self._rules = [CountedRule(rule) for rule in rules]

    def shown(self) -> list[JsonObject]:
        """Return every rule with its keys `left` and `hit`."""
        return [counted.to_json() for counted in self._rules]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or make it fail."""
        rule = self._struck(scope) if self._rules else None
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await fail(self._app, rule, scope, receive, send)

    def _struck(self, scope: Scope) -> Rule | None:
        path = f"{scope['raw_path'].decode('latin-1')}?{scope['query_string'].decode('latin-1')}"
        headers = [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in scope["headers"]]
        for counted in self._rules:
            if counted.rule.matches(scope["method"], path, headers) and is_reached(counted.rule, scope):
                if counted.strikes():
                    return counted.rule
        return None


def is_reached(rule: Rule, scope: Scope) -> bool:
    """Tell whether a request goes so far in its upload that the rule strikes it."""
    if rule.action != "status_after":
        return True
    first, end = reach(scope)
    return first < rule.bytes and (end is None or end >= rule.bytes)


async def fail(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request in the way of a rule that strikes it."""
    await _WAYS[rule.action](app, rule, scope, receive, send)


async def _status(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    await send_response(_refusal(scope, rule.status), send, head=scope["method"] == "HEAD")


async def _slow(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    async def later(event: Event) -> None:
        if event["type"] == "http.response.start":
            await asyncio.sleep(rule.seconds)
        await send(event)

    await app(scope, receive, later)


async def _reset(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    await _hang_up(scope, receive, reset=True)


async def _lose_answer(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, _drop)
    await _hang_up(scope, receive, reset=False)


async def _break_stream(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    async def close() -> None:
        scope["state"]["transport"].close()  # after it has sent what came before

    answer = Answer(send, rule.bytes, close, goes_on=False)
    await app(scope, receive, answer)
    if answer.acted:
        await _until_gone(receive)


async def _status_after(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    first, _ = reach(scope)
    upload = Upload(receive, rule.bytes - first, partial(asyncio.sleep, 0), goes_on=False)
    answered = False

    async def once(event: Event) -> None:
        nonlocal answered
        answered = True
        await send(event)

    await app(scope, upload, once)
    if not answered:  # the application took the client for gone
        await upload.drain()
        await _status(app, rule, scope, receive, send)


async def _stall(app: App, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
    rest = partial(asyncio.sleep, rule.seconds)
    if scope["method"] in ("GET", "HEAD"):
        await app(scope, receive, Answer(send, rule.bytes, rest, goes_on=True))
    else:
        first, _ = reach(scope)
        await app(scope, Upload(receive, max(0, rule.bytes - first), rest, goes_on=True), send)


async def _drop(event: Event) -> None:
    """Send nothing, so that the answer is lost."""


async def _hang_up(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """End the connection without an answer: by RST if `reset`, else in the way of a process that ends."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if reset and (connection := transport.get_extra_info("socket")) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
    await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    """Wait until the server knows that the connection is closed; before, it would miss the end of the answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(scope: Scope, status: int) -> Response:
    kind = _KINDS.get(status) or Kind(status, "backendError" if status >= 500 else "invalid", "Ordered", "As ordered.")
    response = refusal_of_path(ApiError(kind), scope["raw_path"].decode("latin-1"))
    if any(name == b"expect" for name, _ in scope["headers"]):
        response.headers.append(("connection", "close"))  # the body that the request announced will not come
    return response


_WAYS = {
    "status": _status,
    "reset": _reset,
    "slow": _slow,
    "lose_answer": _lose_answer,
    "break_stream": _break_stream,
    "status_after": _status_after,
    "stall": _stall,
}
