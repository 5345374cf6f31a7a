"""The HTTP server of the local mailbox: SendGrid's endpoint, which writes mails to a folder."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.emulator.protocol.hosts import Hosts
from infra.local.mailbox.folder import Folder
from infra.local.mailbox.requests import BadRequest, letters

MAX_BYTES = 30 * 1024 * 1024  # SendGrid's limit for a whole message


class OwnNames:
    """An ASGI application in front of another one, which answers only to the names of this machine.

    A stranger can point a name of theirs at this machine; a page of that name could else write mails.
    """

    def __init__(self, app: ASGIApp, bound: str) -> None:
        self._app = app
        self._bound = bound

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        host = Headers(scope=scope).get("host", "localhost").strip().lower()
        known = Hosts().admits(host, self._bound)
        await (self._app if known else _refused(403, "This is no name of this server."))(scope, receive, send)


@dataclass
class Mailbox:
    """The server's handlers. With an empty `key`, any Bearer key is accepted.

    With `admin`, tests can order failures.
    """

    folder: Folder
    key: str = ""
    admin: bool = False
    _orders: list[int] = field(default_factory=list)  # statuses of the next answers

    def app(self, bound: str = "127.0.0.1") -> Starlette:
        """Make the ASGI application; `bound` is the address that it listens on."""
        routes = [
            Route("/v3/mail/send", self.send, methods=["POST"]),
            Route("/_mailbox/health", self.health, methods=["GET"]),
        ]
        if self.admin:
            routes.append(Route("/_mailbox/answers", self.order, methods=["POST"]))
        return Starlette(routes=routes, middleware=[Middleware(OwnNames, bound=bound)])

    async def health(self, request: Request) -> Response:
        """Answer 200 once the server runs."""
        return JSONResponse({"status": "ok"})

    async def order(self, request: Request) -> Response:
        """Order failures: after `{"status": 503, "count": 2}` the next two mails are refused with 503."""
        wish = await request.json()
        self._orders += [int(wish["status"])] * int(wish.get("count", 1))
        return JSONResponse({"waiting": len(self._orders)})

    async def send(self, request: Request) -> Response:
        """Answer `POST /v3/mail/send` in the way of SendGrid."""
        if self._orders:
            status = self._orders.pop(0)
            return _refused(status, f"Ordered: {status}", {"retry-after": "1"} if status == 429 else None)
        if not self._authorized(request.headers.get("authorization", "")):
            return _refused(401, "The provided authorization grant is invalid, expired, or revoked")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return _refused(415, "Content-Type should be application/json.")
        body = await _body(request)
        if body is None:
            return _refused(413, f"The message is larger than {MAX_BYTES} bytes.")
        try:
            found = letters(json.loads(body))
        except (BadRequest, ValueError) as error:
            problem = error.error if isinstance(error, BadRequest) else BadRequest("Bad Request").error
            return JSONResponse({"errors": [problem]}, 400)
        for letter in found:
            await asyncio.to_thread(self.folder.add, letter)
        return Response(status_code=202, headers={"x-message-id": secrets.token_urlsafe(16)})

    def _authorized(self, header: str) -> bool:
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return False
        return not self.key or hmac.compare_digest(key.strip().encode(), self.key.encode())


async def _body(request: Request) -> bytes | None:
    parts: list[bytes] = []
    size = int(request.headers.get("content-length") or 0)
    if size > MAX_BYTES:
        return None
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"errors": [{"message": message, "field": None, "help": None}]}, status, headers)
