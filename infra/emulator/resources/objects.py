"""Rows as the APIs show them: JSON resources and response headers, and what a client may set of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from infra.emulator.protocol.errors import INVALID, REQUIRED, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.resources.encryption import FIELD, key_headers
from infra.emulator.resources.merging import merged, text_map
from infra.emulator.resources.rights import entries
from infra.emulator.resources.rows import ObjectRow

DEFAULT_TYPE = "application/octet-stream"
NAME_BYTES = 1024
META = "x-goog-meta-"

_FIELDS = frozenset((
    "acl", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "contexts",
    "customTime", "eventBasedHold", "metadata", "retention", "storageClass", "temporaryHold",
))  # fmt: skip
_OURS = ("componentCount", FIELD, "kmsKeyName", "retentionExpirationTime", "timeDeleted")  # an update keeps them
_HEADERS = {
    "content-type": "contentType",
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "x-goog-storage-class": "storageClass",
    "x-goog-custom-time": "customTime",
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def object_resource(row: ObjectRow, base: str) -> dict[str, Any]:
    """The JSON API's object, without its list of rights."""
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
    shown |= row.config
    shown.pop("acl", None)
    return shown


def object_headers(row: ObjectRow, *, xml: bool) -> list[tuple[str, str]]:
    """What both APIs say of an object beside its content."""
    headers = [
        ("etag", f'"{row.xml_etag}"' if xml else row.json_etag),
        ("x-goog-generation", str(row.generation)),
        ("x-goog-metageneration", str(row.metageneration)),
        ("x-goog-storage-class", str(row.config.get("storageClass", "STANDARD"))),
        ("x-goog-stored-content-length", str(row.size)),
        ("x-goog-stored-content-encoding", str(row.config.get("contentEncoding", "identity"))),
        *key_headers(row),
    ]
    if "componentCount" in row.config:
        headers.append(("x-goog-component-count", str(row.config["componentCount"])))
    hashes = [f"crc32c={row.crc32c}"] + ([f"md5={row.md5}"] if row.md5 else [])
    # One line or two mean the same, but one client reads only the first form and another only the second.
    return headers + [("x-goog-hash", value) for value in (hashes if xml else [",".join(hashes)])]


def content_headers(row: ObjectRow) -> list[tuple[str, str]]:
    """The headers that the owner set, as a download gives them back."""
    headers = [(name, _header_value(row.config[key])) for name, key in _HEADERS.items() if key in row.config]
    for key, value in (row.config.get("metadata") or {}).items():
        if _TOKEN.fullmatch(key):  # another cannot be the name of a header
            headers.append((META + key.lower(), _header_value(value)))
    return [(name, value) for name, value in headers if name != "x-goog-storage-class"]


def config_from_headers(request: Request) -> dict[str, Any]:
    """What an XML request sets of its object."""
    return config_from_pairs([(name, _text(value)) for name, value in request.headers])


def config_from_pairs(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What headers, or fields of a form by the same names in lower case, set of an object."""
    config: dict[str, Any] = {"contentType": DEFAULT_TYPE}
    config |= {_HEADERS[name]: value for name, value in reversed(pairs) if value and name in _HEADERS}
    metadata = {name[len(META) :]: value for name, value in pairs if name.startswith(META)}
    return config | ({"metadata": metadata} if metadata else {})


def object_config(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What a JSON request sets of its object; the service's own fields are passed over. Raises ApiError."""
    return {key: value for key, value in object_change(resource).items() if value is not None}


def object_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a patch that an owner may set, nulls kept. Raises ApiError."""
    found = {key: value for key, value in change.items() if key in _FIELDS}
    if found.get("metadata") is not None:
        text_map(found["metadata"])
    if found.get("acl") is not None:
        found["acl"] = entries(found["acl"])
    return found


def patched(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The config after a patch. A context without a value, or a retention without a mode, is one that is taken away."""
    new = merged(old, change)
    custom = (new.get("contexts") or {}).get("custom")
    if isinstance(custom, dict):
        new["contexts"] = {**new["contexts"], "custom": {key: item for key, item in custom.items() if _says(item)}}
    if "retention" in new and not _says(new["retention"], "mode"):
        del new["retention"]
    return new


def updated(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The config after an update: what the request has, and what no request may change."""
    return {**new, **{key: old[key] for key in _OURS if key in old}}


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


def _says(item: Any, field: str = "value") -> bool:
    return isinstance(item, dict) and item.get(field) is not None


def _text(value: str) -> str:
    """A header's value: UTF-8 where it is that, else Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _header_value(value: Any) -> str:
    return str(value).replace("\r", " ").replace("\n", " ")
