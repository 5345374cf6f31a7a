"""The XML API's objects: what signed URLs address. Private: every request is verified, or continues a session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from infra.local.emulator.downloads import download
from infra.local.emulator.errors import INVALID, LENGTH_REQUIRED, METHOD_NOT_ALLOWED, ApiError
from infra.local.emulator.http import Response
from infra.local.emulator.json_objects import target
from infra.local.emulator.preconditions import from_headers
from infra.local.emulator.resource import checked_object_name, config_from_headers, object_headers
from infra.local.emulator.resumable import upload_id
from infra.local.emulator.rows import ObjectRow
from infra.local.emulator.service import Call
from infra.local.emulator.uploads import Plan, expected_from_headers, take


async def xml_object(call: Call) -> Response:
    """Any method on /{bucket}/{object}."""
    method = call.request.method
    if "upload_id" in call.request.params and method in ("PUT", "POST", "DELETE"):
        return await _session(call)
    call.service.verifier.verify(call.request)
    handler = _METHODS.get(method)
    if handler is None:
        raise ApiError(METHOD_NOT_ALLOWED)
    return await handler(call)


async def _get(call: Call) -> Response:
    return download(call.service.store, call.request, target(call), from_headers(call.request), xml=True)


async def _put(call: Call) -> Response:
    plan = _plan(call)
    if call.request.length is None and "chunked" not in call.request.header("transfer-encoding"):
        raise ApiError(LENGTH_REQUIRED)
    plan.expected.check_length(call.request.length)
    return _stored(await take(call.service.store, call.request.stream(), plan))


async def _post(call: Call) -> Response:
    if call.request.header("x-goog-resumable") != "start":
        raise ApiError(INVALID, "A POST must begin a resumable upload: x-goog-resumable: start.")
    plan = _plan(call)
    await call.request.body()
    session = await call.service.resumable.begin(plan)
    location = f"{call.base}{call.request.raw_path}?upload_id={session}"
    return Response(201, b"", [("location", location), ("x-guploader-uploadid", session)])


async def _delete(call: Call) -> Response:
    await asyncio.to_thread(call.service.store.delete, target(call), from_headers(call.request))
    return Response(204)


async def _session(call: Call) -> Response:
    """The id is the capability: whoever began the session was verified then."""
    if call.request.method == "DELETE":
        await call.service.resumable.cancel(upload_id(call.request))
    found = await call.service.resumable.go_on(upload_id(call.request), call.request)
    return _stored(found) if isinstance(found, ObjectRow) else found


def _plan(call: Call) -> Plan:
    checked_object_name(call.names["object"])
    request = call.request
    return Plan(target(call), config_from_headers(request), from_headers(request), expected_from_headers(request))


def _stored(row: ObjectRow) -> Response:
    return Response(200, b"", object_headers(row, xml=True))


_METHODS: dict[str, Callable[[Call], Awaitable[Response]]] = {
    "GET": _get,
    "HEAD": _get,
    "PUT": _put,
    "POST": _post,
    "DELETE": _delete,
}
