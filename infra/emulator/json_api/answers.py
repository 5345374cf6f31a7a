"""Answers of the JSON API that show an object, with its access rights if `projection=full` asks for them."""

from __future__ import annotations

from infra.emulator.calls.service import Call
from infra.emulator.json_api.access import acl_of_object
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.objects import object_resource
from infra.emulator.resources.rights import as_json, check_rights, object_acl, predefined, stored_entries
from infra.emulator.resources.rows import ObjectRow
from jobs.json_values import Json, JsonObject


def object_shown(call: Call, row: ObjectRow) -> Response:
    """Make the answer that shows one object."""
    return json_response(resource_of(call, row))


def resource_of(call: Call, row: ObjectRow) -> JsonObject:
    """Make the resource of an object, as this request asks for it."""
    shown = object_resource(row, call.base)
    if call.request.params.get("projection") == "full":
        bucket = call.service.store.index.bucket(row.bucket)
        if not bucket.uniform_access:
            shown["owner"] = {"entity": f"user-{call.service.owner}"}
            shown["acl"] = acl_of_object(row, object_acl(bucket, row, call.service.owner))
    return shown


def rights_given(call: Call, parameter: str = "predefinedAcl") -> dict[str, Json]:
    """Make the field with the list that a `predefinedAcl` parameter stands for; {} if there is none."""
    name = call.request.params.get(parameter)
    return {"acl": as_json(predefined(name, call.service.owner))} if name else {}


def check_lists(call: Call, change: JsonObject) -> None:
    """Check the access control list that a change sets. Raises ApiError if the bucket does not allow it."""
    if change.get("acl"):
        check_rights(call.service.store.index.bucket(call.names["bucket"]), stored_entries(change["acl"]))
