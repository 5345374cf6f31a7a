"""Buckets in the JSON API: make, read, list, change and delete."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from infra.emulator.calls.service import Call
from infra.emulator.json_api.access import acl_of_bucket
from infra.emulator.json_api.restores import soft_bucket
from infra.emulator.protocol.errors import REQUIRED, ApiError
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.buckets import bucket_change, bucket_resource, checked_bucket_name, new_config, settled
from infra.emulator.resources.merging import merged
from infra.emulator.resources.preconditions import from_query
from infra.emulator.resources.rights import as_json, bucket_acl, check_rights, default_acl, predefined, stored_entries
from infra.emulator.resources.rows import BucketRow
from infra.emulator.store.listing import page_size
from jobs.json_values import Json, JsonObject

_LISTS = ("acl", "defaultObjectAcl")


async def insert_bucket(call: Call) -> Response:
    """Answer POST /b."""
    if not call.request.params.get("project"):
        raise ApiError(REQUIRED, "Required parameter: project")
    resource = await call.request.json()
    name = checked_bucket_name(str(resource.get("name", "")))
    config = {key: value for key, value in bucket_change(resource).items() if value is not None} | _predefined(call)
    if call.request.flag("enableObjectRetention"):
        config["objectRetention"] = {"mode": "Enabled"}
    index = call.service.store.index
    row = await asyncio.to_thread(index.insert_bucket, name, new_config(config, index.clock.now()))
    return _shown(call, row)


async def get_bucket(call: Call) -> Response:
    """Answer GET /b/{bucket}."""
    if call.request.flag("softDeleted"):
        return _shown(call, soft_bucket(call))
    row = call.service.store.index.bucket(call.names["bucket"])
    from_query(call.request).check(row, reading=True)
    return _shown(call, row)


async def list_buckets(call: Call) -> Response:
    """Answer GET /b: `prefix`, `maxResults`, `pageToken`."""
    params = call.request.params
    after = params.get("pageToken", "")
    count = page_size(params.get("maxResults", ""))
    index, soft = call.service.store.index, call.request.flag("softDeleted")
    rows = (index.soft_buckets if soft else index.buckets)(params.get("prefix", ""))
    rows = [row for row in rows if row.name > after]
    page = rows[:count]
    answer: dict[str, Json] = {"kind": "storage#buckets"}
    if len(rows) > len(page):
        answer["nextPageToken"] = page[-1].name
    if page:
        answer["items"] = [_resource(call, row) for row in page]
    return json_response(answer)


async def patch_bucket(call: Call) -> Response:
    """Answer PATCH /b/{bucket}."""
    change = bucket_change(await call.request.json()) | _predefined(call)
    return await _changed(call, change, lambda config: merged(config, change))


async def update_bucket(call: Call) -> Response:
    """Answer PUT /b/{bucket}."""
    change = bucket_change(await call.request.json()) | _predefined(call)
    given = {key: value for key, value in change.items() if value is not None}

    def replaced(config: JsonObject) -> JsonObject:
        kept = {key: config[key] for key in config if key.startswith("_") or key in (*_LISTS, "location")}
        return kept | given

    return await _changed(call, change, replaced)


async def delete_bucket(call: Call) -> Response:
    """Answer DELETE /b/{bucket}."""
    index = call.service.store.index
    await asyncio.to_thread(index.delete_bucket, call.names["bucket"], from_query(call.request))
    return Response(204)


async def restore_bucket(call: Call) -> Response:
    """Answer POST /b/{bucket}/restore: the bucket is live again, its objects can be restored one by one."""
    gone = soft_bucket(call)
    index = call.service.store.index
    return _shown(call, await asyncio.to_thread(index.restore_bucket, gone.name, gone.generation))


async def _changed(call: Call, change: JsonObject, new: Callable[[JsonObject], JsonObject]) -> Response:
    index, name = call.service.store.index, call.names["bucket"]
    if wanted := [item for field in _LISTS for item in stored_entries(change.get(field))]:
        check_rights(index.bucket(name), wanted)
    row = await asyncio.to_thread(
        index.patch_bucket, name, lambda config: settled(config, new(config), index.clock.now()),
        from_query(call.request),
    )  # fmt: skip
    return _shown(call, row)


def _predefined(call: Call) -> dict[str, Json]:
    """Make the fields with the lists that `predefinedAcl` and `predefinedDefaultObjectAcl` stand for."""
    params, owner = call.request.params, call.service.owner
    names = {"acl": params.get("predefinedAcl"), "defaultObjectAcl": params.get("predefinedDefaultObjectAcl")}
    return {field: as_json(predefined(name, owner)) for field, name in names.items() if name}


def _resource(call: Call, row: BucketRow) -> JsonObject:
    shown = bucket_resource(row, call.base)
    if call.request.params.get("projection") == "full" and not row.uniform_access:
        shown["owner"] = {"entity": "project-owners-0"}
        shown["acl"] = acl_of_bucket(row.name, bucket_acl(row))
        shown["defaultObjectAcl"] = acl_of_bucket(row.name, default_acl(row), "object")
    return shown


def _shown(call: Call, row: BucketRow) -> Response:
    return json_response(_resource(call, row))
