"""Objects in the JSON API: list, read, download, change and delete."""

from __future__ import annotations

import asyncio

from infra.emulator.calls.service import Call
from infra.emulator.calls.targets import target
from infra.emulator.json_api.answers import check_lists, object_shown, resource_of, rights_given
from infra.emulator.json_api.folders import folders_below
from infra.emulator.json_api.restores import soft_object
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.objects import object_change, object_config, patched, updated
from infra.emulator.resources.preconditions import from_query
from infra.emulator.resources.retention import with_retention
from infra.emulator.store.index import Change
from infra.emulator.store.listing import list_page, query_from
from infra.emulator.transfers.downloads import download
from jobs.json_values import Json


async def list_objects(call: Call) -> Response:
    """Answer GET /b/{bucket}/o."""
    query, index = query_from(call.request, call.names["bucket"]), call.service.store.index
    if query.glob or query.filter:
        # A thread, as it may read many rows that are not listed.
        page = await asyncio.to_thread(list_page, index, query)
    else:
        page = list_page(index, query)
    if call.request.flag("includeFoldersAsPrefixes") and query.delimiter == "/" and not query.after:
        page.prefixes = sorted({*page.prefixes, *folders_below(index.bucket(query.bucket), query.prefix)})
    answer: dict[str, Json] = {"kind": "storage#objects"}
    if page.next_token:
        answer["nextPageToken"] = page.next_token
    if page.prefixes:
        answer["prefixes"] = page.prefixes
    if page.objects:
        answer["items"] = [resource_of(call, row) for row in page.objects]
    return json_response(answer)


async def get_object(call: Call) -> Response:
    """Answer GET /b/{bucket}/o/{object}: the resource, or with `alt=media` the content."""
    if call.request.params.get("alt") == "media":
        return await get_media(call)
    if call.request.flag("softDeleted"):
        return object_shown(call, soft_object(call))
    return object_shown(call, call.service.store.get(target(call), from_query(call.request)))


async def get_media(call: Call) -> Response:
    """Answer GET /download/...: the content."""
    return download(call.service.store, call.request, target(call), from_query(call.request), xml=False)


async def patch_object(call: Call) -> Response:
    """Answer PATCH /b/{bucket}/o/{object}."""
    change = object_change(await call.request.json()) | rights_given(call)
    check_lists(call, change)
    only = from_query(call.request)
    row = await asyncio.to_thread(
        call.service.store.patch, target(call), _checked(call, lambda old: patched(old, change)), only
    )
    return object_shown(call, row)


async def update_object(call: Call) -> Response:
    """Answer PUT /b/{bucket}/o/{object}."""
    config = object_config(await call.request.json()) | rights_given(call)
    check_lists(call, config)
    row = await asyncio.to_thread(
        call.service.store.patch,
        target(call),
        _checked(call, lambda old: updated(old, config)),
        from_query(call.request),
    )
    return object_shown(call, row)


async def delete_object(call: Call) -> Response:
    """Answer DELETE /b/{bucket}/o/{object}."""
    await asyncio.to_thread(call.service.store.delete, target(call), from_query(call.request))
    return Response(204)


def _checked(call: Call, change: Change) -> Change:
    """Add to a change the check of what may not be changed at will."""
    bucket = call.service.store.index.bucket(call.names["bucket"]).config
    override = call.request.flag("overrideUnlockedRetention")
    return lambda old: with_retention(bucket, old, change(old), override)
