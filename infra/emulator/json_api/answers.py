"""An object in an answer of the JSON API: with its rights where `projection=full` asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.emulator.calls.service import Call
from infra.emulator.json_api.access import acl_shown
from infra.emulator.protocol.messages import Response, json_response
from infra.emulator.resources.objects import object_resource
from infra.emulator.resources.rights import check_rights, object_acl, predefined, uniform
from infra.emulator.resources.rows import ObjectRow


def object_shown(call: Call, row: ObjectRow) -> Response:
    """The answer that is one object."""
    return json_response(resource_of(call, row))


def resource_of(call: Call, row: ObjectRow) -> dict[str, Any]:
    """The object's resource as this request asks for it."""
    shown = object_resource(row, call.base)
    if call.request.params.get("projection") == "full":
        bucket = call.service.store.index.bucket(row.bucket)
        if not uniform(bucket):
            shown["owner"] = {"entity": f"user-{call.service.owner}"}
            shown["acl"] = acl_shown(call, object_acl(bucket, row, call.service.owner))
    return shown


def rights_given(call: Call, parameter: str = "predefinedAcl") -> dict[str, Any]:
    """The list that a `predefinedAcl` stands for; {} without."""
    name = call.request.params.get(parameter)
    return {"acl": predefined(name, call.service.owner)} if name else {}


def check_lists(call: Call, change: Mapping[str, Any]) -> None:
    """Raises ApiError where the change sets a list of rights that the bucket does not allow."""
    if change.get("acl"):
        check_rights(call.service.store.index.bucket(call.names["bucket"]), change["acl"])
