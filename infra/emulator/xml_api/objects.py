"""Objects in the XML API, which is the API of signed URLs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from infra.emulator.calls.service import Call
from infra.emulator.calls.targets import generation, target
from infra.emulator.protocol.errors import INVALID, LENGTH_REQUIRED, METHOD_NOT_ALLOWED, ApiError
from infra.emulator.protocol.messages import Response
from infra.emulator.resources.encryption import key_field, key_hash
from infra.emulator.resources.objects import object_headers
from infra.emulator.resources.preconditions import from_headers, from_object, source_from_headers
from infra.emulator.resources.rows import ObjectRow, Target
from infra.emulator.transfers.copies import Source, carried, compose, copy, found
from infra.emulator.transfers.downloads import download
from infra.emulator.transfers.resumable import upload_id
from infra.emulator.transfers.uploads import Plan, take
from infra.emulator.xml_api import multipart_uploads
from infra.emulator.xml_api.access import authorize
from infra.emulator.xml_api.plan import xml_plan
from infra.emulator.xml_api.subresources import answer_part, part_named
from infra.emulator.xml_api.text import LISTS, read_xml, xml_response


async def xml_object(call: Call) -> Response:
    """Answer any method on /{bucket}/{object}."""
    method, params = call.request.method, call.request.params
    if "upload_id" in params and method in ("PUT", "POST", "DELETE"):
        return await _session(call)
    if part := part_named(call):
        authorize(call, contents=False)
        return await answer_part(call, part)
    authorize(call)
    handlers = _PARTS if "uploadId" in params else _METHODS
    handler = handlers.get(method)
    if handler is None:
        raise ApiError(METHOD_NOT_ALLOWED)
    return await handler(call)


async def _get(call: Call) -> Response:
    return download(call.service.store, call.request, target(call), from_headers(call.request), xml=True)


async def _put(call: Call) -> Response:
    if "x-goog-copy-source" in dict(call.request.headers):
        return await _copy(call)
    if "compose" in call.request.params:
        return await _compose(call)
    plan = xml_plan(call)
    if call.request.length is None and "chunked" not in call.request.header("transfer-encoding"):
        raise ApiError(LENGTH_REQUIRED)
    plan.expected.check_length(call.request.length)
    return _stored(await take(call.service.store, call.request.stream(), plan))


async def _copy(call: Call) -> Response:
    """Answer PUT with `x-goog-copy-source: BUCKET/OBJECT`, percent-encoded."""
    request = call.request
    bucket, _, name = unquote(request.header("x-goog-copy-source")).lstrip("/").partition("/")
    number = generation(request.header("x-goog-copy-source-generation"))
    source = Source(Target(bucket, name, number), source_from_headers(request), key_hash(request, source=True))
    plan, store = xml_plan(call), call.service.store
    if request.header("x-goog-metadata-directive", "COPY").upper() != "REPLACE":
        row = await asyncio.to_thread(found, store, source)
        plan = Plan(plan.target, carried(row) | key_field(request), plan.only)
    row = await asyncio.to_thread(copy, store, source, plan)
    answer = xml_response("CopyObjectResult", LISTS, [("LastModified", row.updated), ("ETag", f'"{row.xml_etag}"')])
    answer.headers += object_headers(row, xml=True)
    return answer


async def _compose(call: Call) -> Response:
    """Answer PUT ?compose with a ComposeRequest."""
    sources = []
    for item in read_xml(await call.request.body()).iter("Component"):
        only = from_object({"ifGenerationMatch": item.findtext("IfGenerationMatch") or ""})
        place = Target(call.names["bucket"], item.findtext("Name", ""), generation(item.findtext("Generation")))
        sources.append(Source(place, only, key_hash(call.request)))
    return _stored(await compose(call.service.store, sources, xml_plan(call)))


async def _post(call: Call) -> Response:
    if "uploads" in call.request.params:
        return await multipart_uploads.begin(call)
    if call.request.header("x-goog-resumable") != "start":
        raise ApiError(INVALID, "A POST must begin a resumable upload: x-goog-resumable: start.")
    plan = xml_plan(call)
    await call.request.body()
    session = await call.service.resumable.begin(plan)
    location = f"{call.base}{call.request.raw_path}?upload_id={session}"
    return Response(201, b"", [("location", location), ("x-guploader-uploadid", session)])


async def _delete(call: Call) -> Response:
    await asyncio.to_thread(call.service.store.delete, target(call), from_headers(call.request))
    return Response(204)


async def _session(call: Call) -> Response:
    """Continue or cancel a session. Its id is the permission, as the first request was verified."""
    if call.request.method == "DELETE":
        await call.service.resumable.cancel(upload_id(call.request))
    found = await call.service.resumable.go_on(upload_id(call.request), call.request)
    return _stored(found) if isinstance(found, ObjectRow) else found


def _stored(row: ObjectRow) -> Response:
    return Response(200, b"", object_headers(row, xml=True))


_METHODS: dict[str, Callable[[Call], Awaitable[Response]]] = {
    "GET": _get,
    "HEAD": _get,
    "PUT": _put,
    "POST": _post,
    "DELETE": _delete,
}
_PARTS: dict[str, Callable[[Call], Awaitable[Response]]] = {
    "GET": multipart_uploads.list_parts,
    "PUT": multipart_uploads.put_part,
    "POST": multipart_uploads.complete,
    "DELETE": multipart_uploads.abort,
}
