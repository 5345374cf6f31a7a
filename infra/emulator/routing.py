"""The emulator as an ASGI application: finds the handler of a request, and turns every error into an answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from infra.emulator.calls.service import Call, Handler, Service
from infra.emulator.json_api import routes
from infra.emulator.json_api.batch import batch
from infra.emulator.json_api.fields import parse_fields, pick
from infra.emulator.protocol.errors import INTERNAL, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, ApiError
from infra.emulator.protocol.messages import ClientGone, Receive, Request, Response, Scope, Send, send_response
from infra.emulator.xml_api import cors
from infra.emulator.xml_api.buckets import xml_bucket, xml_service
from infra.emulator.xml_api.objects import xml_object

log = logging.getLogger(__name__)
_BATCH = ("/batch/storage/v1", "/batch")
_JSON_ROOTS = frozenset(("b", "batch", "storage", "upload", "resumable", "download", "v1", "_emulator", "projects"))


class Emulator:
    """The application: both APIs over one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientGone:
            return
        if request.header("expect") and not request.touched and response.status >= 400:
            response.headers.append(("connection", "close"))  # the body that the request announced will not come
        await send_response(response, send, head=request.method == "HEAD")

    async def _answer(self, request: Request) -> Response:
        if bucket := self._service.verifier.hosts.bucket(request.host):
            return await self._xml(request, bucket, request.raw_path[1:])
        root, _, rest = request.raw_path[1:].partition("/")
        if root in _JSON_ROOTS or request.raw_path == "/token":
            return await self._json(request)
        return await self._xml(request, root, rest)

    async def _json(self, request: Request) -> Response:
        if request.raw_path in _BATCH and request.method == "POST":
            return await _guarded(lambda: batch(request, self._answer), xml=False)
        return await _guarded(lambda: self._called(request), xml=False)

    async def _called(self, request: Request) -> Response:
        found = routes.find(request.raw_path)
        if found is None:
            raise ApiError(NO_SUCH_ROUTE)
        handlers, names = found
        handler = handlers.get(request.header("x-http-method-override") or request.method)
        if handler is None:
            raise ApiError(METHOD_NOT_ALLOWED)
        response = await handler(Call(self._service, request, names))
        if request.params.get("fields") and response.value is not None:
            response.set_json(pick(response.value, parse_fields(request.params["fields"])))
        return response

    async def _xml(self, request: Request, bucket: str, name: str) -> Response:
        index = self._service.store.index
        if request.method == "OPTIONS":
            return cors.preflight(index, bucket, request)
        response = await _guarded(lambda: self._xml_called(request, bucket, name), xml=True)
        response.headers += cors.response_headers(index, bucket, request)
        return response

    async def _xml_called(self, request: Request, bucket: str, name: str) -> Response:
        names = {"bucket": routes.decoded(bucket), "object": routes.decoded(name)} if name else {"bucket": bucket}
        handler: Handler = xml_object if name else xml_bucket if bucket else xml_service
        return await handler(Call(self._service, request, names))


async def _guarded(call: Callable[[], Awaitable[Response]], *, xml: bool) -> Response:
    try:
        return await call()
    except ApiError as error:
        return _refusal(error, xml=xml)
    except ClientGone:
        raise
    except Exception:
        log.exception("a request failed")  # the URL is not logged: it may hold a signature
        return _refusal(ApiError(INTERNAL), xml=xml)


def _refusal(error: ApiError, *, xml: bool) -> Response:
    if error.kind.status == 304:
        return Response(304)
    if xml:
        return Response(error.kind.status, error.xml_body(), [("content-type", "application/xml; charset=UTF-8")])
    return Response(error.kind.status, error.json_body(), [("content-type", "application/json; charset=UTF-8")])
