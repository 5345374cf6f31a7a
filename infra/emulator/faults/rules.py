"""Faults on demand: rules that make the next matching requests fail, as networks and services do."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from infra.emulator.protocol.errors import INTERNAL, INVALID, RATE_LIMITED, ApiError, Kind
from infra.emulator.protocol.messages import App, Receive, Response, Scope, Send, send_response

ACTIONS = ("status", "reset", "slow", "lose_answer")
_JSON_PATH = re.compile(r"(/storage/v1|/upload|/download|/resumable|/batch|/b|/v1)(/|$)")
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


@dataclass(frozen=True)
class Rule:
    """Which requests fail, and how."""

    action: str
    method: str = "*"
    path: str = ""  # regular expression, searched in the path as sent + "?" + query
    status: int = 503
    seconds: float = 1.0
    skip: int = 0  # matching requests that pass before
    count: int | None = None  # then so many fail; None = all
    share: float = 1.0  # probability for each of them, the same sequence in each run

    @classmethod
    def from_json(cls, given: object) -> Rule:
        """Raises ApiError 400 that says what is wrong."""
        names = {field.name for field in fields(cls)}
        if not isinstance(given, dict) or not given.keys() <= names:
            raise ApiError(INVALID, f"A rule is an object with the keys {', '.join(sorted(names))}.")
        if given.get("action") not in ACTIONS:
            raise ApiError(INVALID, f"action must be one of {', '.join(ACTIONS)}.")
        wrong = [name for name, holds in _CHECKS.items() if name in given and not holds(given[name])]
        if wrong:
            raise ApiError(INVALID, f"Invalid value for {', '.join(wrong)}.")
        return cls(**given)

    def matches(self, method: str, path: str) -> bool:
        """Whether it speaks of that request."""
        return self.method in ("*", method) and re.search(self.path, path) is not None


class _Standing:
    """A rule and how often it met its requests."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.hit = 0
        self._passed = 0
        self._random = random.Random(0)  # noqa: S311 - a repeatable sequence is wanted

    @property
    def left(self) -> int | None:
        return None if self.rule.count is None else self.rule.count - self.hit

    def strikes(self) -> bool:
        """Count a matching request; whether it is one that fails."""
        if self.left == 0:
            return False
        if self._passed < self.rule.skip:
            self._passed += 1
            return False
        if self._random.random() >= self.rule.share:
            return False
        self.hit += 1
        return True

    def shown(self) -> dict[str, Any]:
        return {**asdict(self.rule), "left": self.left, "hit": self.hit}


class Faults:
    """The rules in force. The first one that strikes decides."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._rules: list[_Standing] = []

    def order(self, rules: list[Rule]) -> None:
        """These and no others, counted from now."""
        self._rules = [_Standing(rule) for rule in rules]

    def shown(self) -> list[dict[str, Any]]:
        """Each rule with `left` and `hit`."""
        return [standing.shown() for standing in self._rules]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        rule = self._struck(scope) if self._rules else None
        if rule is None:
            await self._app(scope, receive, send)
        elif rule.action == "status":
            await send_response(_refusal(scope, rule.status), send, head=scope["method"] == "HEAD")
        elif rule.action == "slow":
            await self._app(scope, receive, _late(send, rule.seconds))
        else:
            if rule.action == "lose_answer":
                await self._app(scope, receive, _unheard)
            await _hang_up(scope, receive, reset=rule.action == "reset")

    def _struck(self, scope: Scope) -> Rule | None:
        path = f"{scope['raw_path'].decode('latin-1')}?{scope['query_string'].decode('latin-1')}"
        for standing in self._rules:
            if standing.rule.matches(scope["method"], path) and standing.strikes():
                return standing.rule
        return None


def _late(send: Send, seconds: float) -> Send:
    async def later(message: Any) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return later


async def _unheard(message: Any) -> None:
    """An answer that goes nowhere."""


async def _hang_up(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """End the connection without an answer: by RST where asked for, else as a process that goes away does."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if reset and (connection := transport.get_extra_info("socket")) is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(scope: Scope, status: int) -> Response:
    kind = _KINDS.get(status) or Kind(status, "backendError" if status >= 500 else "invalid", "Ordered", "As ordered.")
    error = ApiError(kind)
    json_api = _JSON_PATH.match(scope["raw_path"].decode("latin-1"))
    body, label = (error.json_body(), "json") if json_api else (error.xml_body(), "xml")
    headers = [("content-type", f"application/{label}; charset=UTF-8")]
    if any(name == b"expect" for name, _ in scope["headers"]):
        headers.append(("connection", "close"))  # the body that it announced will not come
    return Response(status, body, headers)


def _is_pattern(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


_CHECKS: Mapping[str, Any] = {
    "method": lambda value: isinstance(value, str),
    "path": _is_pattern,
    "status": lambda value: _is_whole(value) and 400 <= value < 600,
    "seconds": _is_number,
    "skip": _is_whole,
    "count": lambda value: value is None or _is_whole(value),
    "share": lambda value: _is_number(value) and value <= 1,
}


def rules_from(text: bytes) -> list[Rule]:
    """A JSON list of rules. Raises ApiError 400."""
    try:
        given = json.loads(text or b"[]")
    except ValueError:
        given = None
    if not isinstance(given, list):
        raise ApiError(INVALID, "Send a JSON list of rules.")
    return [Rule.from_json(item) for item in given]
