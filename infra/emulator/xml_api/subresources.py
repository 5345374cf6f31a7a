"""Parts of objects and buckets in the XML API, which a parameter without a value names: `PUT /BUCKET/OBJECT?acl`.

A part that is not served here is refused by 501. To ignore its name would be to replace or delete the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from infra.emulator.calls.service import Call, Handler
from infra.emulator.calls.targets import generation, target
from infra.emulator.protocol.errors import INVALID, NO_SUCH_LABELS, NO_SUCH_RETENTION, NOT_IMPLEMENTED, ApiError
from infra.emulator.protocol.messages import Response
from infra.emulator.resources.buckets import settled
from infra.emulator.resources.preconditions import NONE, from_headers
from infra.emulator.resources.reading import child, in_utc
from infra.emulator.resources.retention import with_retention
from infra.emulator.resources.rows import Target
from infra.emulator.xml_api.acl import get_acl, put_acl
from infra.emulator.xml_api.text import LISTS, Node, clean, read_xml, xml_response
from infra.emulator.xml_api.versions import list_versions
from jobs.json_values import JsonObject

MAX_DELETED = 1000  # objects that one request may delete
_DELETE_BYTES = 4 * 1024 * 1024
_MODES = {"GOVERNANCE": "Unlocked", "COMPLIANCE": "Locked"}
_KNOWN = frozenset((
    "accelerate", "acl", "analytics", "annotation", "attributes", "autoclass", "billing", "cors",
    "custom-placement-config", "customPlacementConfig", "defaultObjectAcl", "delete", "encryption",
    "encryptionConfig", "intelligent-tiering", "inventory", "ipFilter", "legal-hold", "lifecycle", "location",
    "logging", "metadataTable", "metrics", "notification", "notificationConfigs", "object-lock", "ownershipControls",
    "policy", "policyStatus", "publicAccessBlock", "rename", "renameObject", "replication", "requestPayment",
    "restore", "retention", "select", "session", "softDeletePolicy", "storageClass", "storageclass", "tagging",
    "torrent", "versioning", "versions", "website",
))  # fmt: skip
_ELSEWHERE = frozenset(("compose", "uploads"))  # parameters without a value that other modules read
_READS = ("GET", "HEAD")


def part_named(call: Call) -> str:
    """Return the name of the part that the request is for; "" if it is for the whole."""
    found = next((name for name, _ in call.request.pairs if name in _KNOWN), "")
    if found or call.request.method in _READS:
        return found
    bare = (piece for piece in call.request.query.split("&") if piece and "=" not in piece)
    return next((name for name in bare if name not in _ELSEWHERE), "")


async def answer_part(call: Call, part: str) -> Response:
    """Answer a request for a part. Raises ApiError 501 if there is none of that name here."""
    parts = _OF_OBJECTS if "object" in call.names else _OF_BUCKETS
    handler = parts.get(part, {}).get(call.request.method.replace("HEAD", "GET"))
    if handler is None:
        raise ApiError(NOT_IMPLEMENTED, f"{call.request.method} of {part[:80]} is not implemented in the XML API.")
    return await handler(call)


async def _get_retention(call: Call) -> Response:
    row = call.service.store.get(target(call), from_headers(call.request))
    held = child(row.config, "retention")
    if not held:
        raise ApiError(NO_SUCH_RETENTION)
    mode = next(name for name, mode in _MODES.items() if mode == held.get("mode"))
    until = str(held.get("retainUntilTime"))
    return xml_response("Retention", LISTS, [("Mode", mode), ("RetainUntilDate", until)])


async def _put_retention(call: Call) -> Response:
    root = read_xml(await call.request.body())
    mode, until = root.findtext("Mode", "").strip(), root.findtext("RetainUntilDate", "").strip()
    if root.tag != "Retention" or mode not in _MODES or not until:
        raise ApiError(INVALID, "The body must be a Retention with a Mode and a RetainUntilDate.")
    wanted: JsonObject = {"mode": _MODES[mode], "retainUntilTime": in_utc(until)}
    override = call.request.header("x-goog-bypass-governance-retention").lower() == "true"
    store = call.service.store
    bucket = store.index.bucket(call.names["bucket"]).config

    def changed(config: JsonObject) -> JsonObject:
        return with_retention(bucket, config, {**config, "retention": wanted}, override)

    await asyncio.to_thread(store.patch, target(call), changed, from_headers(call.request))
    return Response(200)


async def _get_location(call: Call) -> Response:
    row = call.service.store.index.bucket(call.names["bucket"])
    text = clean(str(row.config.get("location", "US")))
    body = f"<?xml version='1.0' encoding='UTF-8'?><LocationConstraint xmlns='{LISTS}'>{text}</LocationConstraint>"
    return Response(200, body.encode(), [("content-type", "application/xml; charset=UTF-8")])


async def _get_versioning(call: Call) -> Response:
    row = call.service.store.index.bucket(call.names["bucket"])
    state = [("Status", "Enabled" if row.keeps_versions else "Suspended")] if "versioning" in row.config else []
    return xml_response("VersioningConfiguration", LISTS, state)


async def _put_versioning(call: Call) -> Response:
    root = read_xml(await call.request.body())
    status = root.findtext("Status", "").strip()
    if root.tag != "VersioningConfiguration" or status not in ("Enabled", "Suspended"):
        raise ApiError(INVALID, "The body must be a VersioningConfiguration with a Status.")
    return await _set(call, {"versioning": {"enabled": status == "Enabled"}})


async def _get_labels(call: Call) -> Response:
    labels = child(call.service.store.index.bucket(call.names["bucket"]).config, "labels")
    if not labels:
        raise ApiError(NO_SUCH_LABELS)
    tags: list[Node] = [("Tag", [("Key", key), ("Value", str(value))]) for key, value in labels.items()]
    return xml_response("Tagging", "", [("TagSet", tags)])


async def _put_labels(call: Call) -> Response:
    root = read_xml(await call.request.body())
    if root.tag != "Tagging":
        raise ApiError(INVALID, "The body must be a Tagging.")
    return await _set(call, {"labels": {
        tag.findtext("Key", "").strip(): tag.findtext("Value", "").strip() for tag in root.iter("Tag")
    }})  # fmt: skip


async def _delete_labels(call: Call) -> Response:
    await _set(call, {"labels": {}})
    return Response(204)


async def _set(call: Call, change: JsonObject) -> Response:
    index = call.service.store.index
    await asyncio.to_thread(
        index.patch_bucket, call.names["bucket"],
        lambda config: settled(config, {**config, **change}, index.clock.now()), from_headers(call.request),
    )  # fmt: skip
    return Response(200)


async def _delete_objects(call: Call) -> Response:
    """Answer POST /{bucket}?delete: deletes the objects that a document lists."""
    root = read_xml(await call.request.body(_DELETE_BYTES))
    listed = list(root.iter("Object"))
    if root.tag != "Delete" or not 1 <= len(listed) <= MAX_DELETED:
        raise ApiError(INVALID, f"The body must be a Delete with 1 to {MAX_DELETED} Objects.")
    quiet = root.findtext("Quiet", "").strip().lower() == "true"
    call.service.store.index.bucket(call.names["bucket"])
    nodes: list[Node] = []
    for item in listed:
        version = item.findtext("VersionId", "").strip()
        place = Target(call.names["bucket"], item.findtext("Key", ""), generation(version))
        named: list[Node] = [("Key", place.name), *([("VersionId", version)] if version else [])]
        try:
            await asyncio.to_thread(call.service.store.delete, place, NONE)
        except ApiError as error:
            if error.kind.status != 404:  # an object that is not there counts as deleted
                nodes.append(("Error", [*named, ("Code", error.kind.code), ("Message", str(error))]))
                continue
        if not quiet:
            nodes.append(("Deleted", named))
    return xml_response("DeleteResult", LISTS, nodes)


_OF_OBJECTS: Mapping[str, Mapping[str, Handler]] = {
    "acl": {"GET": get_acl, "PUT": put_acl},
    "retention": {"GET": _get_retention, "PUT": _put_retention},
}
_OF_BUCKETS: Mapping[str, Mapping[str, Handler]] = {
    "acl": {"GET": get_acl, "PUT": put_acl},
    "defaultObjectAcl": {"GET": get_acl, "PUT": put_acl},
    "delete": {"POST": _delete_objects},
    "location": {"GET": _get_location},
    "tagging": {"GET": _get_labels, "PUT": _put_labels, "DELETE": _delete_labels},
    "versioning": {"GET": _get_versioning, "PUT": _put_versioning},
    "versions": {"GET": list_versions},
}
