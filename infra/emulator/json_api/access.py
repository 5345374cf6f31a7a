"""The JSON API's access rights: policies of buckets, and access control lists of buckets and objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from infra.emulator.calls.service import Call, Handler
from infra.emulator.calls.targets import target
from infra.emulator.protocol.errors import INVALID, NEEDS_UNIFORM_ACCESS, NO_SUCH_ENTRY, PRECONDITION, ApiError
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.preconditions import NONE, from_query
from infra.emulator.resources.reading import child, objects_in
from infra.emulator.resources.rights import (
    POLICY,
    Entry,
    as_json,
    bucket_acl,
    check_lists_count,
    check_policy,
    check_rights,
    default_acl,
    entry,
    object_acl,
    stored_entries,
)
from infra.emulator.resources.rows import BucketRow, ObjectRow
from jobs.json_values import Json, JsonObject

_DEFAULT_BINDINGS = (
    ("roles/storage.legacyBucketOwner", ("projectEditor:local", "projectOwner:local")),
    ("roles/storage.legacyBucketReader", ("projectViewer:local",)),
)


async def get_policy(call: Call) -> Response:
    """Answer GET /b/{bucket}/iam."""
    bucket = call.service.store.index.bucket(call.names["bucket"])
    return json_response(_policy(bucket))


async def set_policy(call: Call) -> Response:
    """Answer PUT /b/{bucket}/iam."""
    given = await call.request.json()
    asked = given.get("bindings", [])
    bindings = objects_in(asked)
    if not isinstance(asked, list) or len(bindings) < len(asked) or not all(item.get("role") for item in bindings):
        raise ApiError(INVALID, "bindings must be a list of objects with a role.")
    version = given.get("version", 1)
    kept: JsonObject = {"bindings": bindings, "version": version}

    def change(config: JsonObject) -> JsonObject:
        return {**config, POLICY: kept}

    index = call.service.store.index
    bucket = index.bucket(call.names["bucket"])
    if given.get("etag") not in (None, "", *bucket.etags):
        raise ApiError(PRECONDITION, "The policy has changed since it was read.")
    check_policy(bucket, bindings)
    if any("condition" in item for item in bindings):
        if not bucket.uniform_access:
            raise ApiError(NEEDS_UNIFORM_ACCESS)
        if version != 3:
            raise ApiError(INVALID, "Policies with conditions must have a version of at least 3.")
    return json_response(_policy(await asyncio.to_thread(index.patch_bucket, bucket.name, change, NONE)))


async def test_permissions(call: Call) -> Response:
    """Answer GET .../iam/testPermissions: every caller has every permission."""
    call.service.store.index.bucket(call.names["bucket"])
    wanted = [value for name, value in call.request.pairs if name == "permissions"]
    return json_response({"kind": "storage#testIamPermissionsResponse", "permissions": wanted})


async def list_acl(call: Call) -> Response:
    """Answer GET .../acl, .../defaultObjectAcl."""
    held = _held(call)
    kind = "storage#bucketAccessControls" if _on_bucket(call) else "storage#objectAccessControls"
    return json_response({"kind": kind, "items": [_shown(call, item) for item in held]})


async def insert_acl(call: Call) -> Response:
    """Answer POST .../acl, .../defaultObjectAcl."""
    return await _put(call, await call.request.json())


async def get_entity(call: Call) -> Response:
    """Answer GET .../acl/{entity}."""
    return json_response(_shown(call, _one(_held(call), call.names["entity"])))


async def put_entity(call: Call) -> Response:
    """Answer PUT .../acl/{entity}: makes or replaces the entry."""
    return await _put(call, {**await call.request.json(), "entity": call.names["entity"]})


async def patch_entity(call: Call) -> Response:
    """Answer PATCH .../acl/{entity}."""
    held = _one(_held(call), call.names["entity"])
    return await _put(call, {**held.to_json(), **await call.request.json(), "entity": held.entity})


async def delete_entity(call: Call) -> Response:
    """Answer DELETE .../acl/{entity}."""
    name = call.names["entity"]
    _one(_held(call), name)
    await _change(call, lambda held: [item for item in held if item.entity != name])
    return Response(204)


ONE_ENTITY: Mapping[str, Handler] = {
    "GET": get_entity,
    "PUT": put_entity,
    "PATCH": patch_entity,
    "DELETE": delete_entity,
}


def acl_of_object(row: ObjectRow, held: Sequence[Entry]) -> list[JsonObject]:
    """Return an object's list in the form that its resource has with `projection=full`."""
    return [_entry_shown("object", row.bucket, row.name, item) for item in held]


def acl_of_bucket(bucket: str, held: Sequence[Entry], kind: str = "bucket") -> list[JsonObject]:
    """Return a bucket's list in the same form; kind `object`: the default of its objects."""
    return [_entry_shown(kind, bucket, "", item) for item in held]


def _policy(bucket: BucketRow) -> JsonObject:
    default = [{"role": role, "members": list(members)} for role, members in _DEFAULT_BINDINGS]
    kept = child(bucket.config, POLICY) or {"bindings": default, "version": 1}
    answer = {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket.name}", "etag": bucket.etags[0]}
    return {**answer, **kept}


def _on_bucket(call: Call) -> bool:
    return "object" not in call.names and "/defaultObjectAcl" not in call.request.raw_path


def _held(call: Call) -> list[Entry]:
    bucket = call.service.store.index.bucket(call.names["bucket"])
    if "object" in call.names:
        return object_acl(bucket, call.service.store.get(target(call)), call.service.owner)
    return bucket_acl(bucket) if _on_bucket(call) else default_acl(bucket)


def _one(held: Sequence[Entry], name: str) -> Entry:
    for item in held:
        if item.entity == name:
            return item
    raise ApiError(NO_SUCH_ENTRY, f"No ACL entry for {name[:80]}")


async def _put(call: Call, asked: JsonObject) -> Response:
    new = entry(asked)
    check_rights(call.service.store.index.bucket(call.names["bucket"]), [new])
    await _change(call, lambda held: [*(item for item in held if item.entity != new.entity), new])
    return json_response(_shown(call, new))


async def _change(call: Call, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Replace the list by `change(list)`, in one transaction with the conditions."""
    store, only = call.service.store, from_query(call.request)
    bucket = store.index.bucket(call.names["bucket"])
    check_lists_count(bucket)
    held = _held(call)
    field = "acl" if _on_bucket(call) or "object" in call.names else "defaultObjectAcl"

    def changed(config: JsonObject) -> JsonObject:
        return {**config, field: as_json(change(stored_entries(config.get(field)) or held))}

    if "object" in call.names:
        await asyncio.to_thread(store.patch, target(call), changed, only)
    else:
        await asyncio.to_thread(store.index.patch_bucket, bucket.name, changed, only)


def _shown(call: Call, item: Entry) -> JsonObject:
    kind = "bucket" if _on_bucket(call) else "object"
    return _entry_shown(kind, call.names["bucket"], call.names.get("object", ""), item)


def _entry_shown(kind: str, bucket: str, name: str, item: Entry) -> JsonObject:
    place = {"kind": f"storage#{kind}AccessControl", "bucket": bucket}
    shown: dict[str, Json] = {**place, **item.to_json(), "etag": "CAE="}
    first, _, rest = item.entity.partition("-")
    if first in ("user", "group"):
        shown["email"] = rest
    elif first == "domain":
        shown["domain"] = rest
    elif first == "project":
        team, _, number = rest.rpartition("-")
        shown["projectTeam"] = {"team": team, "projectNumber": number}
    if name:
        shown["object"] = name
    return shown
