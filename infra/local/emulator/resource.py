"""Rows as the APIs show them: JSON resources and response headers, and what a client may set of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from infra.local.emulator.errors import INVALID, INVALID_BUCKET_NAME, REQUIRED, ApiError
from infra.local.emulator.http import Request
from infra.local.emulator.rows import BucketRow, ObjectRow

DEFAULT_TYPE = "application/octet-stream"
NAME_BYTES = 1024

_OBJECT_FIELDS = frozenset((
    "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime",
    "eventBasedHold", "metadata", "storageClass", "temporaryHold",
))  # fmt: skip
_BUCKET_FIXED = frozenset((
    "kind", "id", "selfLink", "name", "projectNumber", "metageneration", "timeCreated", "updated", "etag",
))  # fmt: skip
_HEADERS = {
    "content-type": "contentType",
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "x-goog-storage-class": "storageClass",
    "x-goog-custom-time": "customTime",
}


def object_resource(row: ObjectRow, base: str) -> dict[str, Any]:
    """The JSON API's object."""
    path = f"b/{quote(row.bucket, safe='')}/o/{quote(row.name, safe='')}"
    shown = {
        "kind": "storage#object",
        "id": f"{row.bucket}/{row.name}/{row.generation}",
        "selfLink": f"{base}/storage/v1/{path}",
        "mediaLink": f"{base}/download/storage/v1/{path}?generation={row.generation}&alt=media",
        "name": row.name,
        "bucket": row.bucket,
        "generation": str(row.generation),
        "metageneration": str(row.metageneration),
        "storageClass": "STANDARD",
        "size": str(row.size),
        "crc32c": row.crc32c,
        "etag": row.json_etag,
        "timeCreated": row.created,
        "updated": row.updated,
        "timeStorageClassUpdated": row.created,
        "timeFinalized": row.created,
    }
    if row.md5:
        shown["md5Hash"] = row.md5
    return shown | dict(row.config)


def bucket_resource(row: BucketRow, base: str) -> dict[str, Any]:
    """The JSON API's bucket."""
    return {
        "location": "US",
        "locationType": "multi-region",
        "storageClass": "STANDARD",
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "inherited"},
        **row.config,
        "kind": "storage#bucket",
        "id": row.name,
        "selfLink": f"{base}/storage/v1/b/{row.name}",
        "projectNumber": "0",
        "name": row.name,
        "metageneration": str(row.metageneration),
        "timeCreated": row.created,
        "updated": row.updated,
        "etag": row.etags[0],
    }


def object_headers(row: ObjectRow, *, xml: bool) -> list[tuple[str, str]]:
    """What both APIs say of an object beside its content."""
    headers = [
        ("etag", f'"{row.xml_etag}"' if xml else row.json_etag),
        ("x-goog-generation", str(row.generation)),
        ("x-goog-metageneration", str(row.metageneration)),
        ("x-goog-storage-class", str(row.config.get("storageClass", "STANDARD"))),
        ("x-goog-stored-content-length", str(row.size)),
        ("x-goog-stored-content-encoding", str(row.config.get("contentEncoding", "identity"))),
    ]
    hashes = [f"crc32c={row.crc32c}"] + ([f"md5={row.md5}"] if row.md5 else [])
    # One line or two mean the same, but one client reads only the first form and another only the second.
    return headers + [("x-goog-hash", value) for value in (hashes if xml else [",".join(hashes)])]


def content_headers(row: ObjectRow) -> list[tuple[str, str]]:
    """The headers that the owner set, as a download gives them back."""
    headers = [(name, str(row.config[key])) for name, key in _HEADERS.items() if key in row.config]
    metadata = row.config.get("metadata") or {}
    headers += [(f"x-goog-meta-{key.lower()}", _header_value(value)) for key, value in metadata.items()]
    return [(name, value) for name, value in headers if name != "x-goog-storage-class"]


def config_from_headers(request: Request) -> dict[str, Any]:
    """What an XML request sets of its object."""
    config: dict[str, Any] = {"contentType": DEFAULT_TYPE}
    config |= {key: request.header(name) for name, key in _HEADERS.items() if request.header(name)}
    prefix = "x-goog-meta-"
    metadata = {name[len(prefix) :]: value for name, value in request.headers if name.startswith(prefix)}
    return config | ({"metadata": metadata} if metadata else {})


def object_config(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What a JSON request sets of its object; the service's own fields are passed over."""
    config = {key: value for key, value in resource.items() if key in _OBJECT_FIELDS and value is not None}
    if "metadata" in config:
        config["metadata"] = _metadata(config["metadata"])
    return config


def bucket_config(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What a JSON request sets of its bucket."""
    return {key: value for key, value in resource.items() if key not in _BUCKET_FIXED and value is not None}


def patched(config: Mapping[str, Any], change: Mapping[str, Any], merged: str) -> dict[str, Any]:
    """`config` with the change: null removes a field; the field named `merged` is changed key by key."""
    new = {key: value for key, value in config.items() if key not in change}
    new |= {key: value for key, value in change.items() if value is not None and key != merged}
    if change.get(merged) is not None:
        both = {**(config.get(merged) or {}), **_metadata(change[merged], nulls=True)}
        new[merged] = {key: value for key, value in both.items() if value is not None}
    return new


def object_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a patch that an owner may set, nulls kept."""
    return {key: value for key, value in change.items() if key in _OBJECT_FIELDS}


def bucket_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a patch that an owner may set, nulls kept."""
    return {key: value for key, value in change.items() if key not in _BUCKET_FIXED}


def checked_object_name(name: str) -> str:
    """The name, if an object may have it. Raises ApiError."""
    if not name:
        raise ApiError(REQUIRED, "Required")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = NAME_BYTES + 1
    if size > NAME_BYTES or name in (".", "..") or "\r" in name or "\n" in name:
        raise ApiError(INVALID, "The specified object name is not valid.")
    return name


def checked_bucket_name(name: str) -> str:
    """The name, if a bucket may have it. Raises ApiError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", name):
        raise ApiError(INVALID_BUCKET_NAME, f"Invalid bucket name: '{name[:80]}'")
    return name


def _metadata(value: Any, *, nulls: bool = False) -> dict[str, Any]:
    allowed = (str, type(None)) if nulls else str
    if not isinstance(value, dict) or not all(isinstance(item, allowed) for item in value.values()):
        raise ApiError(INVALID, "Metadata and labels must be an object of strings.")
    return value


def _header_value(value: Any) -> str:
    return str(value).replace("\r", " ").replace("\n", " ")
