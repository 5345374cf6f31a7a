"""Who may do what, as owners write it down: access control lists and a bucket's policy.

They are kept and given back as the service does. The one thing here that they decide is whether somebody
without credentials may read an object through the XML API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infra.emulator.protocol.errors import INVALID, PUBLIC_PREVENTED, UNIFORM_ACCESS, ApiError
from infra.emulator.resources.rows import BucketRow, ObjectRow

POLICY = "_iamPolicy"  # the policy's key in a bucket's config; the underscore keeps it out of the resource
Entry = Mapping[str, str]  # entity, role

_PROJECT = [
    {"entity": "project-owners-0", "role": "OWNER"},
    {"entity": "project-editors-0", "role": "OWNER"},
    {"entity": "project-viewers-0", "role": "READER"},
]
_PREDEFINED: Mapping[str, Sequence[Entry]] = {
    "private": (),
    "projectPrivate": _PROJECT,
    "publicRead": ({"entity": "allUsers", "role": "READER"},),
    "publicReadWrite": ({"entity": "allUsers", "role": "WRITER"},),
    "authenticatedRead": ({"entity": "allAuthenticatedUsers", "role": "READER"},),
    "bucketOwnerRead": ({"entity": "project-owners-0", "role": "READER"},),
    "bucketOwnerFullControl": ({"entity": "project-owners-0", "role": "OWNER"},),
}
_READING_ROLES = frozenset((
    "roles/storage.objectViewer", "roles/storage.objectUser", "roles/storage.objectAdmin", "roles/storage.admin",
    "roles/storage.legacyObjectReader", "roles/storage.legacyObjectOwner",
))  # fmt: skip
_EVERYBODY = frozenset(("allUsers", "allAuthenticatedUsers"))
_CANNED = {
    "private": "private",
    "project-private": "projectPrivate",
    "public-read": "publicRead",
    "public-read-write": "publicReadWrite",
    "authenticated-read": "authenticatedRead",
    "bucket-owner-read": "bucketOwnerRead",
    "bucket-owner-full-control": "bucketOwnerFullControl",
}


def predefined(name: str, owner: str) -> list[Entry]:
    """The list that a `predefinedAcl` stands for, the owner's entry with it. Raises ApiError."""
    if name not in _PREDEFINED:
        raise ApiError(INVALID, f"Invalid value for predefinedAcl: {name[:80]}")
    return [_owner(owner), *_PREDEFINED[name]]


def canned(header: str, owner: str) -> list[Entry]:
    """The list that an `x-goog-acl` header stands for. Raises ApiError."""
    if header not in _CANNED:
        raise ApiError(INVALID, f"Invalid value for x-goog-acl: {header[:80]}")
    return predefined(_CANNED[header], owner)


def entries(value: Any) -> list[Entry]:
    """A list as a client sends it, without what only answers have. Raises ApiError."""
    if not isinstance(value, list):
        raise ApiError(INVALID, "An access control list must be a list.")
    return [entry(item) for item in value]


def entry(value: Any) -> Entry:
    """One entry as a client sends it. Raises ApiError."""
    found = value if isinstance(value, dict) else {}
    entity, role = found.get("entity"), found.get("role")
    if not isinstance(entity, str) or role not in ("OWNER", "READER", "WRITER"):
        raise ApiError(INVALID, "An access control entry must have an entity, and OWNER, READER or WRITER as role.")
    if not re.fullmatch(r"allUsers|allAuthenticatedUsers|(?:user|group|domain|project-\w+)-.+", entity):
        raise ApiError(INVALID, f"Invalid entity: {entity[:80]}")
    return {"entity": entity, "role": role}


def bucket_acl(bucket: BucketRow) -> list[Entry]:
    """Raises ApiError where the bucket has uniform access."""
    check_lists_count(bucket)
    return list(bucket.config.get("acl", _PROJECT))


def default_acl(bucket: BucketRow) -> list[Entry]:
    """What new objects get beside their owner. Raises ApiError where the bucket has uniform access."""
    check_lists_count(bucket)
    return list(bucket.config.get("defaultObjectAcl", _PROJECT))


def object_acl(bucket: BucketRow, row: ObjectRow, owner: str) -> list[Entry]:
    """Raises ApiError where the bucket has uniform access."""
    check_lists_count(bucket)
    return list(row.config.get("acl") or [*default_acl(bucket), _owner(owner)])


def check_lists_count(bucket: BucketRow) -> None:
    """Raises ApiError 400 where the bucket's policy alone decides."""
    if uniform(bucket):
        raise ApiError(UNIFORM_ACCESS)


def check_rights(bucket: BucketRow, wanted: Sequence[Entry]) -> None:
    """Raises ApiError: 400 where the policy alone decides, 412 for what public access prevention forbids."""
    check_lists_count(bucket)
    if prevents_public(bucket) and any(item["entity"] in _EVERYBODY for item in wanted):
        raise ApiError(PUBLIC_PREVENTED)


def check_policy(bucket: BucketRow, bindings: Sequence[Mapping[str, Any]]) -> None:
    """Raises ApiError 412 where the bucket's public access prevention forbids the policy."""
    if prevents_public(bucket) and any(not _EVERYBODY.isdisjoint(item.get("members", ())) for item in bindings):
        raise ApiError(PUBLIC_PREVENTED)


def prevents_public(bucket: BucketRow) -> bool:
    """Whether nothing in the bucket may be open to everybody."""
    return bool(_nested(bucket.config, "iamConfiguration").get("publicAccessPrevention") == "enforced")


def uniform(bucket: BucketRow) -> bool:
    """Whether the bucket's policy alone decides."""
    return bool(_nested(bucket.config, "iamConfiguration", "uniformBucketLevelAccess").get("enabled"))


def anybody_reads(bucket: BucketRow, row: ObjectRow | None) -> bool:
    """Whether a caller without credentials may read that object; without one, whether every object of the bucket."""
    if prevents_public(bucket):
        return False
    bindings = bucket.config.get(POLICY, {}).get("bindings", ())
    if any("allUsers" in item.get("members", ()) and item.get("role") in _READING_ROLES for item in bindings):
        return True
    if row is None or uniform(bucket):
        return False
    return any(item["entity"] == "allUsers" for item in object_acl(bucket, row, ""))


def _owner(email: str) -> Entry:
    return {"entity": f"user-{email}", "role": "OWNER"}


def _nested(config: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    found: Any = config
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
