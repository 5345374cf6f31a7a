"""Parts of a bucket in the JSON API: storage layout, lock of the retention policy, notifications."""

from __future__ import annotations

import asyncio

from infra.emulator.calls.service import Call
from infra.emulator.protocol.errors import INVALID, NO_SUCH_NOTIFICATION, REQUIRED, ApiError
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.buckets import bucket_resource, location_type
from infra.emulator.resources.preconditions import from_query
from infra.emulator.resources.reading import child
from jobs.json_values import Json, JsonObject

_NOTIFICATIONS = "_notifications"  # key of the notifications in a bucket's config


async def storage_layout(call: Call) -> Response:
    """Answer GET /b/{bucket}/storageLayout."""
    row = call.service.store.index.bucket(call.names["bucket"])
    config: JsonObject = {"location": "US", **row.config}
    return json_response({
        "kind": "storage#storageLayout", "bucket": row.name, "location": config["location"],
        "locationType": location_type(config),
        "hierarchicalNamespace": {"enabled": bool(child(config, "hierarchicalNamespace").get("enabled"))},
    })  # fmt: skip


async def lock_retention(call: Call) -> Response:
    """Answer POST /b/{bucket}/lockRetentionPolicy."""
    only = from_query(call.request)
    if only.metageneration is None:
        raise ApiError(REQUIRED, "Required parameter: ifMetagenerationMatch")

    def change(config: JsonObject) -> JsonObject:
        if "retentionPolicy" not in config:
            raise ApiError(INVALID, "The bucket has no retention policy.")
        return {**config, "retentionPolicy": {**child(config, "retentionPolicy"), "isLocked": True}}

    index = call.service.store.index
    row = await asyncio.to_thread(index.patch_bucket, call.names["bucket"], change, only)
    return json_response(bucket_resource(row, call.base))


async def list_notifications(call: Call) -> Response:
    """Answer GET /b/{bucket}/notificationConfigs."""
    found = _held(call)
    return json_response({"kind": "storage#notifications", **({"items": list(found.values())} if found else {})})


async def insert_notification(call: Call) -> Response:
    """Answer POST /b/{bucket}/notificationConfigs: it is kept and shown, but nothing is ever published."""
    given = await call.request.json()
    topic = given.get("topic")
    if not isinstance(topic, str) or not topic:
        raise ApiError(REQUIRED, "Required: topic")
    index, bucket = call.service.store.index, call.names["bucket"]
    new: dict[str, Json] = {}

    def change(config: JsonObject) -> JsonObject:
        held = child(config, _NOTIFICATIONS)
        name = str(1 + max(map(int, held), default=0))
        link = f"{call.base}/storage/v1/b/{bucket}/notificationConfigs/{name}"
        new.update({**given, "kind": "storage#notification", "id": name, "etag": name, "selfLink": link})
        return {**config, _NOTIFICATIONS: {**held, name: dict(new)}}

    await asyncio.to_thread(index.annotate_bucket, bucket, change)
    return json_response(new)


async def get_notification(call: Call) -> Response:
    """Answer GET /b/{bucket}/notificationConfigs/{id}."""
    return json_response(_one(_held(call), call.names["id"]))


async def delete_notification(call: Call) -> Response:
    """Answer DELETE /b/{bucket}/notificationConfigs/{id}."""
    name = call.names["id"]

    def change(config: JsonObject) -> JsonObject:
        held = dict(child(config, _NOTIFICATIONS))
        _one(held, name)
        del held[name]
        return {**config, _NOTIFICATIONS: held}

    await asyncio.to_thread(call.service.store.index.annotate_bucket, call.names["bucket"], change)
    return Response(204)


def _held(call: Call) -> JsonObject:
    return child(call.service.store.index.bucket(call.names["bucket"]).config, _NOTIFICATIONS)


def _one(held: JsonObject, name: str) -> Json:
    if name not in held:
        raise ApiError(NO_SUCH_NOTIFICATION)
    return held[name]
