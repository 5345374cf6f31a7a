"""Access control lists and policies, as owners set them.

Lists and policies are kept and given back as Cloud Storage does. They decide one thing only: whether a caller
without credentials may read an object through the XML API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.emulator.protocol.errors import INVALID, PUBLIC_PREVENTED, UNIFORM_ACCESS, ApiError
from infra.emulator.resources.reading import child, objects_in, texts_in
from infra.emulator.resources.rows import BucketRow, ObjectRow
from jobs.json_values import Json, JsonObject

POLICY = "_iamPolicy"  # key of the policy in a bucket's config; names with an underscore are not shown in the resource


@dataclass(frozen=True)
class Entry:
    """An entry of an access control list: a role for a user, a group, a domain, a project's team or everybody."""

    entity: str
    role: str  # OWNER, READER or WRITER

    def to_json(self) -> JsonObject:
        """Return the entry in the form of resources."""
        return {"entity": self.entity, "role": self.role}


_ROLES = ("OWNER", "READER", "WRITER")
_PROJECT = (
    Entry("project-owners-0", "OWNER"),
    Entry("project-editors-0", "OWNER"),
    Entry("project-viewers-0", "READER"),
)
_PREDEFINED: Mapping[str, Sequence[Entry]] = {
    "private": (),
    "projectPrivate": _PROJECT,
    "publicRead": (Entry("allUsers", "READER"),),
    "publicReadWrite": (Entry("allUsers", "WRITER"),),
    "authenticatedRead": (Entry("allAuthenticatedUsers", "READER"),),
    "bucketOwnerRead": (Entry("project-owners-0", "READER"),),
    "bucketOwnerFullControl": (Entry("project-owners-0", "OWNER"),),
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
    """Make the list that a `predefinedAcl` stands for, with the owner's entry. Raises ApiError."""
    if name not in _PREDEFINED:
        raise ApiError(INVALID, f"Invalid value for predefinedAcl: {name[:80]}")
    return [_owner(owner), *_PREDEFINED[name]]


def canned(header: str, owner: str) -> list[Entry]:
    """Make the list that an `x-goog-acl` header stands for, with the owner's entry. Raises ApiError."""
    if header not in _CANNED:
        raise ApiError(INVALID, f"Invalid value for x-goog-acl: {header[:80]}")
    return predefined(_CANNED[header], owner)


def entries(value: Json) -> list[Entry]:
    """Read a list that a client sent; fields that only answers have are dropped. Raises ApiError."""
    if not isinstance(value, list):
        raise ApiError(INVALID, "An access control list must be a list.")
    return [entry(item) for item in value]


def entry(value: Json) -> Entry:
    """Read one entry that a client sent. Raises ApiError."""
    found = child(value)
    entity, role = found.get("entity"), found.get("role")
    if not isinstance(entity, str) or not isinstance(role, str) or role not in _ROLES:
        raise ApiError(INVALID, "An access control entry must have an entity, and OWNER, READER or WRITER as role.")
    if not re.fullmatch(r"allUsers|allAuthenticatedUsers|(?:user|group|domain|project-\w+)-.+", entity):
        raise ApiError(INVALID, f"Invalid entity: {entity[:80]}")
    return Entry(entity, role)


def stored_entries(value: Json) -> list[Entry]:
    """Read a list from a config, where only checked lists are kept; [] if there is none."""
    return [Entry(str(item["entity"]), str(item["role"])) for item in objects_in(value)]


def as_json(held: Sequence[Entry]) -> list[JsonObject]:
    """Write a list as a config keeps it."""
    return [item.to_json() for item in held]


def bucket_acl(bucket: BucketRow) -> list[Entry]:
    """Get the list of the bucket itself. Raises ApiError if the bucket has uniform access."""
    check_lists_count(bucket)
    return stored_entries(bucket.config.get("acl", as_json(_PROJECT)))


def default_acl(bucket: BucketRow) -> list[Entry]:
    """Get the list that new objects receive beside their owner's entry. Raises ApiError if access is uniform."""
    check_lists_count(bucket)
    return stored_entries(bucket.config.get("defaultObjectAcl", as_json(_PROJECT)))


def object_acl(bucket: BucketRow, row: ObjectRow, owner: str) -> list[Entry]:
    """Get the list of an object. Raises ApiError if its bucket has uniform access."""
    check_lists_count(bucket)
    return stored_entries(row.config.get("acl")) or [*default_acl(bucket), _owner(owner)]


def check_lists_count(bucket: BucketRow) -> None:
    """Check that lists have an effect in this bucket. Raises ApiError 400 if its policy alone decides."""
    if bucket.uniform_access:
        raise ApiError(UNIFORM_ACCESS)


def check_rights(bucket: BucketRow, wanted: Sequence[Entry]) -> None:
    """Check that the bucket allows a list.

    Raises ApiError: 400 if the policy alone decides, 412 if the list is public and public access is prevented.
    """
    check_lists_count(bucket)
    if bucket.prevents_public_access and any(item.entity in _EVERYBODY for item in wanted):
        raise ApiError(PUBLIC_PREVENTED)


def check_policy(bucket: BucketRow, bindings: Sequence[JsonObject]) -> None:
    """Check that the bucket allows a policy. Raises ApiError 412 if it is public and public access is prevented."""
    if bucket.prevents_public_access and any(not _EVERYBODY.isdisjoint(_members(item)) for item in bindings):
        raise ApiError(PUBLIC_PREVENTED)


def anybody_reads(bucket: BucketRow, row: ObjectRow | None) -> bool:
    """Return whether a caller without credentials may read an object; without a row, whether all objects."""
    if bucket.prevents_public_access:
        return False
    bindings = objects_in(child(bucket.config, POLICY).get("bindings"))
    if any("allUsers" in _members(item) and item.get("role") in _READING_ROLES for item in bindings):
        return True
    if row is None or bucket.uniform_access:
        return False
    return any(item.entity == "allUsers" for item in object_acl(bucket, row, ""))


def _members(binding: JsonObject) -> tuple[str, ...]:
    return texts_in(binding.get("members"))


def _owner(email: str) -> Entry:
    return Entry(f"user-{email}", "OWNER")
