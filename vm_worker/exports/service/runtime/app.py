"""The routes of the service, and its answers after an error."""

from __future__ import annotations

import logging
import secrets
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vm_worker.exports.service.runtime import openapi, rest, soap
from vm_worker.exports.service.runtime.bodies import Refused, Room
from vm_worker.exports.service.runtime.bundle import About
from vm_worker.exports.service.runtime.classifier import KIND as CLASSIFIER
from vm_worker.exports.service.runtime.kind import Kind, Served
from vm_worker.exports.service.runtime.limits import Patience
from vm_worker.exports.service.runtime.pool import Pool

POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DEFAULT = Patience()
REFUSALS = {404: "not_found", 405: "method_not_allowed"}

log = logging.getLogger(__name__)


def build(pool: Pool, about: About, patience: Patience = DEFAULT, kind: Kind = CLASSIFIER) -> Starlette:
    """Return the web application for one model."""
    routes = [
        Route("/", page, methods=["GET"]),
        Route("/predict", rest.predict, methods=["POST"]),
        Route("/labels", rest.labels, methods=["GET"]),
        Route("/model", rest.model, methods=["GET"]),
        Route("/health", rest.health, methods=["GET"]),
        Route("/openapi.json", document, methods=["GET"]),
        Route("/soap", soap.describe, methods=["GET"]),
        Route("/soap", soap.call, methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {Refused: refused, HTTPException: unrouted, Exception: broken}
    # Without this, anybody could fill the log: each malformed body would write a line.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.served, app.state.patience = Served(pool, about, kind), patience
    app.state.room = Room(patience.room_bytes)
    return app


async def page(request: Request) -> Response:
    """Answer with the page where a user can try a photo."""
    nonce = secrets.token_urlsafe(16)
    served: Served = request.app.state.served
    package, name = served.kind.page
    text = (resources.files(package) / name).read_text(encoding="utf-8").replace("NONCE", nonce)
    headers = {
        "Content-Security-Policy": POLICY.format(nonce=nonce),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type="text/html", headers=headers)


async def document(request: Request) -> Response:
    """Answer with the description of the REST interface."""
    return JSONResponse(openapi.document(request.app.state.served.kind))


async def refused(request: Request, error: Exception) -> Response:
    """Answer a request that was refused."""
    assert isinstance(error, Refused)  # noqa: S101  (what the table above says)
    headers = {"Retry-After": str(error.again)} if error.again else None
    return _error(error.status, error.code, error.message, headers)


async def unrouted(request: Request, error: Exception) -> Response:
    """Answer a request for an unknown address, or with a wrong method."""
    assert isinstance(error, HTTPException)  # noqa: S101
    code = REFUSALS.get(error.status_code, "bad_request")
    return _error(error.status_code, code, str(error.detail), dict(error.headers or {}))


async def broken(request: Request, error: Exception) -> Response:
    """Answer a request that failed by a fault of this program, in the form of its protocol."""
    log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    return soap.failed() if request.url.path == "/soap" else _error(500, "internal", "The service failed.")


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)
