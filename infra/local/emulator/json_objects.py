"""The JSON API's objects, but for their upload."""

from __future__ import annotations

import asyncio

from infra.local.emulator.downloads import download
from infra.local.emulator.errors import INVALID, ApiError
from infra.local.emulator.http import Response, json_response
from infra.local.emulator.listing import list_page, query_from
from infra.local.emulator.preconditions import from_query
from infra.local.emulator.resource import object_change, object_config, object_resource, patched
from infra.local.emulator.rows import ObjectRow, Target
from infra.local.emulator.service import Call


async def list_objects(call: Call) -> Response:
    """GET /b/{bucket}/o"""
    page = list_page(call.service.store.index, query_from(call.request, call.names["bucket"]))
    answer: dict[str, object] = {"kind": "storage#objects"}
    if page.next_token:
        answer["nextPageToken"] = page.next_token
    if page.prefixes:
        answer["prefixes"] = page.prefixes
    if page.objects:
        answer["items"] = [object_resource(row, call.base) for row in page.objects]
    return json_response(answer)


async def get_object(call: Call) -> Response:
    """GET /b/{bucket}/o/{object}: the resource, or with `alt=media` the content."""
    if call.request.params.get("alt") == "media":
        return await get_media(call)
    return _shown(call, call.service.store.get(target(call), from_query(call.request)))


async def get_media(call: Call) -> Response:
    """GET /download/...: the content."""
    return download(call.service.store, call.request, target(call), from_query(call.request), xml=False)


async def patch_object(call: Call) -> Response:
    """PATCH /b/{bucket}/o/{object}"""
    change = object_change(await call.request.json())
    only = from_query(call.request)
    row = await asyncio.to_thread(
        call.service.store.patch, target(call), lambda config: patched(config, change, "metadata"), only
    )
    return _shown(call, row)


async def update_object(call: Call) -> Response:
    """PUT /b/{bucket}/o/{object}"""
    config = object_config(await call.request.json())
    row = await asyncio.to_thread(call.service.store.patch, target(call), lambda _: config, from_query(call.request))
    return _shown(call, row)


async def delete_object(call: Call) -> Response:
    """DELETE /b/{bucket}/o/{object}"""
    await asyncio.to_thread(call.service.store.delete, target(call), from_query(call.request))
    return Response(204)


def target(call: Call) -> Target:
    """The object that the path names, of the generation that the query names. Raises ApiError."""
    text = call.request.params.get("generation")
    if text and not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ApiError(INVALID, "Invalid value for generation.")
    return Target(call.names["bucket"], call.names["object"], int(text) if text else None)


def _shown(call: Call, row: ObjectRow) -> Response:
    return json_response(object_resource(row, call.base))
