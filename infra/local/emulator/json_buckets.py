"""The JSON API's buckets."""

from __future__ import annotations

import asyncio

from infra.local.emulator.http import Response, json_response
from infra.local.emulator.preconditions import from_query
from infra.local.emulator.resource import bucket_change, bucket_config, bucket_resource, checked_bucket_name, patched
from infra.local.emulator.rows import BucketRow
from infra.local.emulator.service import Call


async def insert_bucket(call: Call) -> Response:
    """POST /b"""
    resource = await call.request.json()
    name = checked_bucket_name(str(resource.get("name", "")))
    row = await asyncio.to_thread(call.service.store.index.insert_bucket, name, bucket_config(resource))
    return _shown(call, row)


async def get_bucket(call: Call) -> Response:
    """GET /b/{bucket}"""
    row = call.service.store.index.bucket(call.names["bucket"])
    from_query(call.request).check(row, reading=True)
    return _shown(call, row)


async def list_buckets(call: Call) -> Response:
    """GET /b: `prefix`, `maxResults`, `pageToken`."""
    params = call.request.params
    after = params.get("pageToken", "")
    count = int(params["maxResults"]) if params.get("maxResults", "").isdigit() else 1000
    rows = [row for row in call.service.store.index.buckets(params.get("prefix", "")) if row.name > after]
    page = rows[: max(1, count)]
    answer = {"kind": "storage#buckets", "items": [bucket_resource(row, call.base) for row in page]}
    if len(rows) > len(page):
        answer["nextPageToken"] = page[-1].name
    return json_response(answer)


async def patch_bucket(call: Call) -> Response:
    """PATCH /b/{bucket}"""
    change = bucket_change(await call.request.json())
    index = call.service.store.index
    only = from_query(call.request)
    row = await asyncio.to_thread(
        index.patch_bucket, call.names["bucket"], lambda config: patched(config, change, "labels"), only
    )
    return _shown(call, row)


async def update_bucket(call: Call) -> Response:
    """PUT /b/{bucket}"""
    config = bucket_config(await call.request.json())
    index = call.service.store.index
    row = await asyncio.to_thread(index.patch_bucket, call.names["bucket"], lambda _: config, from_query(call.request))
    return _shown(call, row)


async def delete_bucket(call: Call) -> Response:
    """DELETE /b/{bucket}"""
    index = call.service.store.index
    await asyncio.to_thread(index.delete_bucket, call.names["bucket"], from_query(call.request))
    return Response(204)


def _shown(call: Call, row: BucketRow) -> Response:
    return json_response(bucket_resource(row, call.base))
