"""Buckets in the XML API, and the list of all buckets: requests that name no object."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import METHOD_NOT_ALLOWED, ApiError
from infra.emulator.protocol.messages import Response
from infra.emulator.resources.buckets import bucket_change, checked_bucket_name, new_config
from infra.emulator.resources.preconditions import from_headers
from infra.emulator.xml_api.access import authorize
from infra.emulator.xml_api.forms import post_object
from infra.emulator.xml_api.listings import list_all_buckets, list_bucket
from infra.emulator.xml_api.subresources import answer_part, part_named
from infra.emulator.xml_api.text import read_xml
from infra.emulator.xml_api.upload_listings import list_uploads


async def xml_service(call: Call) -> Response:
    """Answer any method on /, which names no bucket."""
    if _is_form(call):
        return await post_object(call)  # a field of the form names the bucket
    authorize(call)
    if call.request.method not in ("GET", "HEAD"):
        raise ApiError(METHOD_NOT_ALLOWED)
    return await list_all_buckets(call)


async def xml_bucket(call: Call) -> Response:
    """Answer any method on /{bucket}."""
    if _is_form(call):
        return await post_object(call)  # the policy in the form authorizes it
    if part := part_named(call):
        authorize(call, contents=False)
        return await answer_part(call, part)
    authorize(call)
    handler = _METHODS.get(call.request.method)
    if handler is None:
        raise ApiError(METHOD_NOT_ALLOWED)
    return await handler(call)


def _is_form(call: Call) -> bool:
    return call.request.method == "POST" and call.request.header("content-type").startswith("multipart/form-data")


async def _get(call: Call) -> Response:
    return await (list_uploads(call) if "uploads" in call.request.params else list_bucket(call))


async def _head(call: Call) -> Response:
    row = call.service.store.index.bucket(call.names["bucket"])
    from_headers(call.request).check(row, reading=True)
    return Response(200, b"", [("x-goog-metageneration", str(row.metageneration))])


async def _put(call: Call) -> Response:
    data = await call.request.body()
    root = read_xml(data) if data.strip() else None
    found = {element.tag: (element.text or "").strip() for element in root.iter()} if root is not None else {}
    asked = {"location": found.get("LocationConstraint"), "storageClass": found.get("StorageClass")}
    config = bucket_change({key: value for key, value in asked.items() if value})
    name, index = checked_bucket_name(call.names["bucket"]), call.service.store.index
    await asyncio.to_thread(index.insert_bucket, name, new_config(config, index.clock.now()))
    return Response(200)


async def _delete(call: Call) -> Response:
    index = call.service.store.index
    await asyncio.to_thread(index.delete_bucket, call.names["bucket"], from_headers(call.request))
    return Response(204)


_METHODS: dict[str, Callable[[Call], Awaitable[Response]]] = {
    "GET": _get,
    "HEAD": _head,
    "PUT": _put,
    "DELETE": _delete,
}
