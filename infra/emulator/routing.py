"""The emulator as an ASGI application: finds the handler of a request, and turns every error into an answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from infra.emulator.browsers import cors
from infra.emulator.browsers.pages import check_page
from infra.emulator.calls.service import Call, Handler, Service
from infra.emulator.json_api import routes
from infra.emulator.json_api.batch import batch
from infra.emulator.json_api.fields import parse_fields, pick
from infra.emulator.protocol.errors import INTERNAL, INVALID, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, ApiError
from infra.emulator.protocol.messages import ClientGone, Receive, Request, Response, Scope, Send, send_response
from infra.emulator.protocol.refusals import refusal
from infra.emulator.xml_api.amazon import write_names
from infra.emulator.xml_api.buckets import xml_bucket, xml_service
from infra.emulator.xml_api.objects import xml_object

log = logging.getLogger(__name__)
Names = Mapping[str, str]  # the names in a path, as they were sent


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
        if root in routes.ROOTS and routes.is_json(_method(request), request.raw_path):
            return await self._json(request)
        return await self._xml(request, root, rest)

    async def _json(self, request: Request) -> Response:
        found = routes.find(request.raw_path)
        names = found[1] if found else {}
        if request.method == "OPTIONS" or request.header("origin"):
            return await self._for_page(request, names, lambda: self._called(request, found), xml=False)
        return await _guarded(lambda: self._called(request, found), xml=False)

    async def _called(self, request: Request, found: tuple[routes.Route, Names] | None) -> Response:
        check_page(request, self._service.store.index, _ruling(found[1]) if found else "")
        if request.raw_path in routes.BATCH:
            return await batch(request, self._answer)
        if found is None:
            raise ApiError(NO_SUCH_ROUTE)
        handler = found[0].handlers.get(_method(request))
        if handler is None:
            raise ApiError(METHOD_NOT_ALLOWED)
        names = {name: routes.decoded(value) for name, value in found[1].items()}
        response = await handler(Call(self._service, request, names))
        if request.params.get("fields") and response.value is not None:
            response.set_json(pick(response.value, parse_fields(request.params["fields"])))
        return response

    async def _xml(self, request: Request, bucket: str, name: str) -> Response:
        names = {"bucket": bucket, "object": name} if name else {"bucket": bucket}
        if request.method == "OPTIONS" or request.header("origin"):
            return await self._for_page(request, names, lambda: self._xml_called(request, names), xml=True)
        return await _guarded(lambda: self._xml_called(request, names), xml=True)

    async def _xml_called(self, request: Request, names: Names) -> Response:
        handler: Handler = xml_object if "object" in names else xml_bucket if names["bucket"] else xml_service
        found = {name: routes.decoded(value) for name, value in names.items()}
        response = await handler(Call(self._service, request, found))
        write_names(request, response)
        return response

    async def _for_page(
        self, request: Request, names: Names, call: Callable[[], Awaitable[Response]], *, xml: bool
    ) -> Response:
        """Answer a request of a web page, by the CORS rules of its bucket."""
        bucket, index = _ruling(names), self._service.store.index
        if request.method == "OPTIONS":
            return cors.preflight(index, bucket, request)
        response = await _guarded(call, xml=xml)
        response.headers += cors.response_headers(index, bucket, request)
        return response


def _method(request: Request) -> str:
    """Return the method, or that which a client sends instead because a proxy would not let it pass."""
    return request.header("x-http-method-override") or request.method


def _ruling(names: Names) -> str:
    """Return the bucket whose CORS rules apply; "" if there is none, or if the request is for two buckets."""
    found = {unquote(value) for name, value in names.items() if name in ("bucket", "to_bucket")}
    return found.pop() if len(found) == 1 else ""


async def _guarded(call: Callable[[], Awaitable[Response]], *, xml: bool) -> Response:
    try:
        return await call()
    except ApiError as error:
        return refusal(error, xml=xml)
    except ClientGone:
        raise
    except RecursionError:
        return refusal(ApiError(INVALID, "The request is nested too deeply."), xml=xml)
    except Exception:
        log.exception("a request failed")  # the URL is not logged: it may hold a signature
        return refusal(ApiError(INTERNAL), xml=xml)
