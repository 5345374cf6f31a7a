"""Access control lists in the XML API: `?acl` of objects and buckets, `?defaultObjectAcl` of buckets.

Clients of Amazon's read and write another document, an AccessControlPolicy with Grants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from xml.etree import ElementTree

from infra.emulator.calls.service import Call
from infra.emulator.calls.targets import target
from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.messages import Response
from infra.emulator.resources.preconditions import from_headers
from infra.emulator.resources.rights import (
    Entry,
    as_json,
    bucket_acl,
    canned,
    check_rights,
    default_acl,
    entry,
    object_acl,
)
from infra.emulator.xml_api.text import LISTS, Node, read_xml, xml_response
from jobs.json_values import JsonObject

_ROLES: Mapping[str, str] = {"FULL_CONTROL": "OWNER", "READ": "READER", "WRITE": "WRITER"}
_PERMISSIONS = {role: permission for permission, role in _ROLES.items()}
_SCOPES: Mapping[str, tuple[str, str]] = {  # type of a scope -> beginning of the entity, element with the rest of it
    "UserByEmail": ("user-", "EmailAddress"),
    "UserById": ("user-", "ID"),
    "GroupByEmail": ("group-", "EmailAddress"),
    "GroupByDomain": ("domain-", "Domain"),
    "GroupById": ("", "ID"),  # a team of a project, or a group
}
_EVERYBODY: Mapping[str, str] = {"AllUsers": "allUsers", "AllAuthenticatedUsers": "allAuthenticatedUsers"}
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"  # of a grantee
_GROUPS: Mapping[str, str] = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "allUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "allAuthenticatedUsers",
}


async def get_acl(call: Call) -> Response:
    """Answer GET ?acl, ?defaultObjectAcl."""
    bucket = call.service.store.index.bucket(call.names["bucket"])
    if "object" in call.names:
        row = call.service.store.get(target(call), from_headers(call.request))
        held = object_acl(bucket, row, call.service.owner)
    else:
        held = default_acl(bucket) if _is_default(call) else bucket_acl(bucket)
    owner: Node = ("Owner", [("ID", call.service.owner)])
    if call.request.speaks_amazon:
        return xml_response(
            "AccessControlPolicy", LISTS, [owner, ("AccessControlList", [_grant(item) for item in held])]
        )
    entries: list[Node] = [_shown(item) for item in held]
    return xml_response("AccessControlList", "", [owner, ("Entries", entries)])


async def put_acl(call: Call) -> Response:
    """Answer PUT ?acl, ?defaultObjectAcl with an AccessControlList, or with an `x-goog-acl` header and no body."""
    data = await call.request.body()
    name = call.request.header("x-goog-acl")
    wanted = canned(name, call.service.owner) if name and not data.strip() else _read(read_xml(data))
    store, only = call.service.store, from_headers(call.request)
    check_rights(store.index.bucket(call.names["bucket"]), wanted)
    field = "defaultObjectAcl" if _is_default(call) else "acl"

    def changed(config: JsonObject) -> JsonObject:
        return {**config, field: as_json(wanted)}

    if "object" in call.names:
        await asyncio.to_thread(store.patch, target(call), changed, only)
    else:
        await asyncio.to_thread(store.index.patch_bucket, call.names["bucket"], changed, only)
    return Response(200)


def _is_default(call: Call) -> bool:
    return "defaultObjectAcl" in call.request.params


def _shown(item: Entry) -> Node:
    return "Entry", [_scope(item.entity), ("Permission", _PERMISSIONS[item.role])]


def _scope(entity: str) -> Node:
    """Write who an entry is for; the type of the scope is an attribute, which is part of the name here."""
    for kind, whole in _EVERYBODY.items():
        if entity == whole:
            return f"Scope type='{kind}'", ""
    for kind, (begin, element) in _SCOPES.items():
        if entity.startswith(begin) and ("@" in entity or element != "EmailAddress"):
            return f"Scope type='{kind}'", [(element, entity.removeprefix(begin))]
    raise AssertionError("GroupById takes every entity")


def _read(root: ElementTree.Element) -> list[Entry]:
    """Read a document. Raises ApiError."""
    if root.tag == "AccessControlPolicy":
        return [_granted(element) for element in root.iter("Grant")]
    if root.tag != "AccessControlList":
        raise ApiError(INVALID, "The body must be an AccessControlList.")
    return [_entry(element) for element in root.iter("Entry")]


def _entry(element: ElementTree.Element) -> Entry:
    scope, permission = element.find("Scope"), (element.findtext("Permission") or "").strip()
    kind = scope.get("type", "") if scope is not None else ""
    if scope is None or permission not in _ROLES or kind not in (*_SCOPES, *_EVERYBODY):
        raise ApiError(INVALID, "Each Entry must have a Scope with a type, and a Permission.")
    if kind in _EVERYBODY:
        return entry({"entity": _EVERYBODY[kind], "role": _ROLES[permission]})
    begin, name = _SCOPES[kind]
    text = (scope.findtext(name) or "").strip()
    if kind == "GroupById" and not text.startswith("project-"):
        begin = "group-"
    return entry({"entity": begin + text, "role": _ROLES[permission]})


def _grant(item: Entry) -> Node:
    """Write an entry as Amazon's clients read it. Whoever has no address is a user with the entity as the ID."""
    group = next((uri for uri, entity in _GROUPS.items() if entity == item.entity), "")
    kind, named = ("Group", ("URI", group)) if group else ("CanonicalUser", ("ID", item.entity.removeprefix("user-")))
    grantee = f"Grantee xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='{kind}'"
    return "Grant", [(grantee, [named]), ("Permission", _PERMISSIONS[item.role])]


def _granted(element: ElementTree.Element) -> Entry:
    """Read what `_grant` writes, and a grantee's address. Raises ApiError."""
    grantee, permission = element.find("Grantee"), (element.findtext("Permission") or "").strip()
    kind = grantee.get(_TYPE, "") if grantee is not None else ""
    if grantee is None or permission not in _ROLES:
        raise ApiError(INVALID, f"Each Grant must have a Grantee, and a Permission of {', '.join(_ROLES)}.")
    texts = {child.tag: (child.text or "").strip() for child in grantee}
    if kind == "Group" and texts.get("URI") in _GROUPS:
        return entry({"entity": _GROUPS[texts["URI"]], "role": _ROLES[permission]})
    name = {"CanonicalUser": "ID", "AmazonCustomerByEmail": "EmailAddress"}.get(kind, "")
    if not texts.get(name):
        raise ApiError(INVALID, "A Grantee must be a known Group, a CanonicalUser or an AmazonCustomerByEmail.")
    whole = texts[name] if texts[name].startswith("project-") else f"user-{texts[name]}"
    return entry({"entity": whole, "role": _ROLES[permission]})
