"""Path and method to handler, and every failure to its answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from urllib.parse import unquote

from infra.local.emulator import cors, iam, json_buckets, json_objects, json_uploads, xml_objects
from infra.local.emulator.errors import INTERNAL, INVALID, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, ApiError
from infra.local.emulator.http import ClientGone, Receive, Request, Response, Scope, Send, json_response, send_response
from infra.local.emulator.service import Call, Handler, Service

log = logging.getLogger(__name__)


async def _health(call: Call) -> Response:
    return json_response({"status": "ok"})


_JSON = r"(?:/storage/v1)?"
_OBJECT = r"/b/(?P<bucket>[^/]+)/o/(?P<object>[^/]+)"
_ROUTES: tuple[tuple[re.Pattern[str], Mapping[str, Handler]], ...] = tuple(
    (re.compile(pattern), handlers)
    for pattern, handlers in (
        (_JSON + _OBJECT, {
            "GET": json_objects.get_object, "PATCH": json_objects.patch_object,
            "PUT": json_objects.update_object, "DELETE": json_objects.delete_object,
        }),
        (rf"/upload{_JSON}/b/(?P<bucket>[^/]+)/o", {
            "POST": json_uploads.insert_object, "PUT": json_uploads.insert_object, "DELETE": json_uploads.cancel,
        }),
        (rf"/download{_JSON}{_OBJECT}", {"GET": json_objects.get_media, "HEAD": json_objects.get_media}),
        (rf"{_JSON}/b/(?P<bucket>[^/]+)/o/?", {"GET": json_objects.list_objects}),
        (rf"{_JSON}/b/(?P<bucket>[^/]+)/?", {
            "GET": json_buckets.get_bucket, "PATCH": json_buckets.patch_bucket,
            "PUT": json_buckets.update_bucket, "DELETE": json_buckets.delete_bucket,
        }),
        (rf"{_JSON}/b/?", {"GET": json_buckets.list_buckets, "POST": json_buckets.insert_bucket}),
        (r"/v1/projects/-/serviceAccounts/(?P<email>[^/]+):signBlob", {"POST": iam.sign_blob}),
        (r"/_emulator/health", {"GET": _health}),
    )
)  # fmt: skip
_XML = re.compile(r"/(?P<bucket>[a-z0-9][^/]*)/(?P<object>.+)")


class Emulator:
    """The ASGI application."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientGone:
            return
        if request.header("expect") and not request.touched and response.status >= 400:
            response.headers.append(("connection", "close"))  # the body that it announced will not come
        await send_response(response, send, head=request.method == "HEAD")

    async def _answer(self, request: Request) -> Response:
        for pattern, handlers in _ROUTES:
            if match := pattern.fullmatch(request.raw_path):
                return await self._json(request, handlers, match)
        if match := _XML.fullmatch(request.raw_path):
            return await self._xml(request, match)
        return _refusal(ApiError(NO_SUCH_ROUTE), xml=False)

    async def _json(self, request: Request, handlers: Mapping[str, Handler], match: re.Match[str]) -> Response:
        handler = handlers.get(request.method)
        if handler is None:
            return _refusal(ApiError(METHOD_NOT_ALLOWED), xml=False)
        return await self._handled(handler, request, match, xml=False)

    async def _xml(self, request: Request, match: re.Match[str]) -> Response:
        index = self._service.store.index
        bucket = unquote(match["bucket"])
        if request.method == "OPTIONS":
            return cors.preflight(index, bucket, request)
        response = await self._handled(xml_objects.xml_object, request, match, xml=True)
        response.headers += cors.response_headers(index, bucket, request)
        return response

    async def _handled(self, handler: Handler, request: Request, match: re.Match[str], *, xml: bool) -> Response:
        try:
            return await handler(Call(self._service, request, _decoded(match)))
        except ApiError as error:
            return _refusal(error, xml=xml)
        except ClientGone:
            raise
        except Exception:
            log.exception("%s failed", request.method)  # never the URL: it may carry a signature
            return _refusal(ApiError(INTERNAL), xml=xml)


def _decoded(match: re.Match[str]) -> dict[str, str]:
    try:
        return {name: unquote(value, errors="strict") for name, value in match.groupdict().items()}
    except UnicodeDecodeError:
        raise ApiError(INVALID, "The path is not UTF-8.") from None


def _refusal(error: ApiError, *, xml: bool) -> Response:
    if error.kind.status == 304:
        return Response(304)
    if xml:
        return Response(error.kind.status, error.xml_body(), [("content-type", "application/xml; charset=UTF-8")])
    return Response(error.kind.status, error.json_body(), [("content-type", "application/json; charset=UTF-8")])
