"""What clients ask of a bucket beside itself: its layout, its retention lock, its notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import INVALID, NO_SUCH_NOTIFICATION, REQUIRED, ApiError
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.buckets import bucket_resource, location_type
from infra.emulator.resources.preconditions import NONE, from_query

_NOTIFICATIONS = "_notifications"  # its key in a bucket's config


async def storage_layout(call: Call) -> Response:
    """GET /b/{bucket}/storageLayout"""
    row = call.service.store.index.bucket(call.names["bucket"])
    config = {"location": "US", **row.config}
    answer = {"kind": "storage#storageLayout", "bucket": row.name, "location": config["location"]}
    tree = {"enabled": bool((config.get("hierarchicalNamespace") or {}).get("enabled"))}
    return json_response({**answer, "locationType": location_type(config), "hierarchicalNamespace": tree})


async def lock_retention(call: Call) -> Response:
    """POST /b/{bucket}/lockRetentionPolicy"""
    only = from_query(call.request)
    if only.metageneration is None:
        raise ApiError(REQUIRED, "Required parameter: ifMetagenerationMatch")

    def change(config: Mapping[str, Any]) -> dict[str, Any]:
        if "retentionPolicy" not in config:
            raise ApiError(INVALID, "The bucket has no retention policy.")
        return {**config, "retentionPolicy": {**config["retentionPolicy"], "isLocked": True}}

    index = call.service.store.index
    row = await asyncio.to_thread(index.patch_bucket, call.names["bucket"], change, only)
    return json_response(bucket_resource(row, call.base))


async def list_notifications(call: Call) -> Response:
    """GET /b/{bucket}/notificationConfigs"""
    found = _held(call)
    return json_response({"kind": "storage#notifications", **({"items": list(found.values())} if found else {})})


async def insert_notification(call: Call) -> Response:
    """POST /b/{bucket}/notificationConfigs: kept and given back; nothing is ever published."""
    given = await call.request.json()
    topic = given.get("topic")
    if not isinstance(topic, str) or not topic:
        raise ApiError(REQUIRED, "Required: topic")
    index, bucket = call.service.store.index, call.names["bucket"]
    new: dict[str, Any] = {}

    def change(config: Mapping[str, Any]) -> dict[str, Any]:
        held = config.get(_NOTIFICATIONS, {})
        name = str(1 + max(map(int, held), default=0))
        link = f"{call.base}/storage/v1/b/{bucket}/notificationConfigs/{name}"
        new.update({**given, "kind": "storage#notification", "id": name, "etag": name, "selfLink": link})
        return {**config, _NOTIFICATIONS: {**held, name: dict(new)}}

    await asyncio.to_thread(index.patch_bucket, bucket, change, NONE)
    return json_response(new)


async def get_notification(call: Call) -> Response:
    """GET /b/{bucket}/notificationConfigs/{id}"""
    return json_response(_one(_held(call), call.names["id"]))


async def delete_notification(call: Call) -> Response:
    """DELETE /b/{bucket}/notificationConfigs/{id}"""
    name = call.names["id"]

    def change(config: Mapping[str, Any]) -> dict[str, Any]:
        held = dict(config.get(_NOTIFICATIONS, {}))
        _one(held, name)
        del held[name]
        return {**config, _NOTIFICATIONS: held}

    await asyncio.to_thread(call.service.store.index.patch_bucket, call.names["bucket"], change, NONE)
    return Response(204)


def _held(call: Call) -> Mapping[str, Any]:
    found: Mapping[str, Any] = call.service.store.index.bucket(call.names["bucket"]).config.get(_NOTIFICATIONS, {})
    return found


def _one(held: Mapping[str, Any], name: str) -> Any:
    if name not in held:
        raise ApiError(NO_SUCH_NOTIFICATION)
    return held[name]
