"""The check of the Host header, in front of everything."""

from __future__ import annotations

from infra.emulator.protocol.errors import ACCESS_DENIED, ApiError
from infra.emulator.protocol.hosts import Hosts
from infra.emulator.protocol.messages import App, Receive, Response, Scope, Send, send_response
from infra.emulator.protocol.refusals import refusal_of_path

_KEPT = 1000  # answers that are remembered


class KnownNames:
    """An ASGI application in front of another one, which answers only to the names of this server.

    A page of a stranger's name that points at this machine would else count as a page of this server.
    """

    def __init__(self, app: App, hosts: Hosts, bound: str) -> None:
        self._app = app
        self._hosts = hosts
        self._bound = bound
        self._known: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"localhost")
        known = self._known.get(host)
        if known is None:
            known = self._hosts.admits(host.decode("latin-1").strip().lower(), self._bound)
            if len(self._known) < _KEPT:
                self._known[host] = known
        if known:
            await self._app(scope, receive, send)
        else:
            refusal = _refusal(host, scope["raw_path"].decode("latin-1"))
            await send_response(refusal, send, head=scope["method"] == "HEAD")


def _refusal(host: bytes, raw_path: str) -> Response:
    name = host.decode("latin-1")[:80]
    details = (
        f"The Host header names {name!r}, which is no name of this server. If it is one, start with --public-host."
    )
    response = refusal_of_path(ApiError(ACCESS_DENIED, details), raw_path)
    response.headers.append(("connection", "close"))  # nothing has read the body
    return response
