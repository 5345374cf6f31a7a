"""Uploads in the JSON API, of its three kinds: media, multipart, resumable."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from infra.emulator.calls.service import Call
from infra.emulator.json_api.answers import check_lists, object_shown, rights_given
from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Response
from infra.emulator.protocol.multipart import Related
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.encryption import key_field
from infra.emulator.resources.objects import DEFAULT_TYPE, checked_object_name, object_config
from infra.emulator.resources.preconditions import from_query
from infra.emulator.resources.rows import ObjectRow, Target
from infra.emulator.transfers.resumable import upload_id
from infra.emulator.transfers.uploads import Plan, expected_from_headers, take
from jobs.json_values import JsonObject


async def insert_object(call: Call) -> Response:
    """Answer POST /upload/.../b/{bucket}/o?uploadType=..."""
    ways = {"media": _media, "multipart": _multipart, "resumable": _resumable}
    if "upload_id" in call.request.params:
        return await go_on(call)
    way = ways.get(call.request.params.get("uploadType", ""))
    if way is None:
        raise ApiError(INVALID, "Invalid value for uploadType: it must be media, multipart or resumable.")
    return await way(call)


async def go_on(call: Call) -> Response:
    """Answer PUT /upload/...?upload_id=: a chunk, or the question how much was received."""
    found = await call.service.resumable.go_on(upload_id(call.request), call.request)
    return object_shown(call, found) if isinstance(found, ObjectRow) else found


async def cancel(call: Call) -> Response:
    """Answer DELETE /upload/...?upload_id=."""
    await call.service.resumable.cancel(upload_id(call.request))
    raise AssertionError("cancelling always answers 499")


async def _media(call: Call) -> Response:
    plan = _plan(call, {}, call.request.header("content-type"))
    plan.expected.check_length(call.request.length)
    return object_shown(call, await take(call.service.store, call.request.stream(), plan))


async def _multipart(call: Call) -> Response:
    body = Related(call.request.header("content-type"), call.request.stream())
    resource = await body.metadata()
    plan = _plan(call, resource, body.media_type)
    return object_shown(call, await take(call.service.store, body.media(), plan))


async def _resumable(call: Call) -> Response:
    request = call.request
    plan = _plan(call, await request.json(), request.header("x-upload-content-type"))
    plan.expected.check_length(whole_number(request.header("x-upload-content-length")))
    session = await call.service.resumable.begin(plan)
    bucket, name = plan.target.bucket, quote(plan.target.name, safe="")
    path = f"{call.base}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name={name}&upload_id={session}"
    return Response(200, b"", [("location", path), ("x-guploader-uploadid", session)])


def _plan(call: Call, resource: JsonObject, content_type: str) -> Plan:
    params = call.request.params
    name = checked_object_name(str(resource.get("name") or params.get("name", "")))
    config = {**object_config(resource), **key_field(call.request), **rights_given(call)}
    check_lists(call, config)
    config.setdefault("contentType", content_type or DEFAULT_TYPE)
    if params.get("contentEncoding"):
        config.setdefault("contentEncoding", params["contentEncoding"])
    if params.get("kmsKeyName"):
        config["kmsKeyName"] = f"{params['kmsKeyName']}/cryptoKeyVersions/1"
    expected = expected_from_headers(call.request)
    expected = replace(
        expected,
        md5=str(resource.get("md5Hash") or expected.md5),
        crc32c=str(resource.get("crc32c") or expected.crc32c),
    )
    return Plan(Target(call.names["bucket"], name), config, from_query(call.request), expected)
