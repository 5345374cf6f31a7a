"""The object that an XML request makes, as its headers describe it."""

from __future__ import annotations

from infra.emulator.calls.service import Call
from infra.emulator.calls.targets import target
from infra.emulator.resources.encryption import key_field
from infra.emulator.resources.objects import checked_object_name, config_from_headers
from infra.emulator.resources.preconditions import from_headers
from infra.emulator.resources.rights import as_json, canned
from infra.emulator.transfers.uploads import Plan, expected_from_headers
from jobs.json_values import Json


def xml_plan(call: Call) -> Plan:
    """Read the upload that the headers describe. Raises ApiError."""
    checked_object_name(call.names["object"])
    return Plan(target(call), xml_config(call), from_headers(call.request), expected_from_headers(call.request))


def xml_config(call: Call) -> dict[str, Json]:
    """Read the config that the headers set: metadata, encryption and access rights. Raises ApiError."""
    config = config_from_headers(call.request) | key_field(call.request)
    if acl := call.request.header("x-goog-acl"):
        config["acl"] = as_json(canned(acl, call.service.owner))
    if key := call.request.header("x-goog-encryption-kms-key-name"):
        config["kmsKeyName"] = f"{key}/cryptoKeyVersions/1"
    return config
