"""What an XML request says of the object that it makes."""

from __future__ import annotations

from typing import Any

from infra.emulator.calls.service import Call
from infra.emulator.calls.targets import target
from infra.emulator.resources.encryption import key_field
from infra.emulator.resources.objects import checked_object_name, config_from_headers
from infra.emulator.resources.preconditions import from_headers
from infra.emulator.resources.rights import canned
from infra.emulator.transfers.uploads import Plan, expected_from_headers


def xml_plan(call: Call) -> Plan:
    """The upload that the headers describe. Raises ApiError."""
    checked_object_name(call.names["object"])
    return Plan(target(call), xml_config(call), from_headers(call.request), expected_from_headers(call.request))


def xml_config(call: Call) -> dict[str, Any]:
    """Metadata, encryption and rights. Raises ApiError."""
    acl = call.request.header("x-goog-acl")
    rights = {"acl": canned(acl, call.service.owner)} if acl else {}
    kms = call.request.header("x-goog-encryption-kms-key-name")
    more = {"kmsKeyName": f"{kms}/cryptoKeyVersions/1"} if kms else {}
    return config_from_headers(call.request) | key_field(call.request) | rights | more
