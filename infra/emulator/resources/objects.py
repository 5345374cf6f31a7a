"""Objects in both APIs: their resources and response headers, and the fields that a client may set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from infra.emulator.protocol.errors import INVALID, REQUIRED, ApiError
from infra.emulator.protocol.messages import Request
from infra.emulator.resources.encryption import FIELD, key_headers
from infra.emulator.resources.lifecycle_rules import check_storage_class
from infra.emulator.resources.merging import check_text_map, merged
from infra.emulator.resources.reading import child, in_utc, moment
from infra.emulator.resources.rights import as_json, entries
from infra.emulator.resources.rows import ObjectRow
from jobs.json_values import Json, JsonObject

DEFAULT_TYPE = "application/octet-stream"
NAME_BYTES = 1024
META = "x-goog-meta-"

_FIELDS = frozenset((
    "acl", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "contexts",
    "customTime", "eventBasedHold", "metadata", "retention", "storageClass", "temporaryHold",
))  # fmt: skip
_KEPT = ("componentCount", FIELD, "kmsKeyName", "retentionExpirationTime", "timeDeleted")  # no request may change them
_HEADERS = {
    "content-type": "contentType",
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "x-goog-storage-class": "storageClass",
    "x-goog-custom-time": "customTime",
}
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def object_resource(row: ObjectRow, base: str) -> dict[str, Json]:
    """Make the JSON API's resource of an object, without its access control list; links begin with `base`."""
    name = row.name if _UNRESERVED.fullmatch(row.name) else quote(row.name, safe="")
    path = f"b/{row.bucket}/o/{name}"  # the names of buckets need no quotes
    shown: dict[str, Json] = {
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
    """Make the headers that both APIs send of an object, beside those of its content."""
    headers = [
        ("etag", f'"{row.xml_etag}"' if xml else row.json_etag),
        ("x-goog-generation", str(row.generation)),
        ("x-goog-metageneration", str(row.metageneration)),
        ("x-goog-storage-class", row.storage_class),
        ("x-goog-stored-content-length", str(row.size)),
        ("x-goog-stored-content-encoding", row.content_encoding),
        *key_headers(row),
    ]
    if row.component_count is not None:
        headers.append(("x-goog-component-count", str(row.component_count)))
    hashes = [f"crc32c={row.crc32c}"] + ([f"md5={row.md5}"] if row.md5 else [])
    # One line or two lines mean the same, but some clients read only the first form and others only the second.
    return headers + [("x-goog-hash", value) for value in (hashes if xml else [",".join(hashes)])]


def content_headers(row: ObjectRow) -> list[tuple[str, str]]:
    """Make the headers that the owner has set, as a download gives them back."""
    headers = [(name, str(row.config[key])) for name, key in _HEADERS.items() if key in row.config]
    for key, value in row.metadata.items():
        if _TOKEN.fullmatch(key):  # any other key cannot be the name of a header
            headers.append((META + key.lower(), str(value)))
    return [(name, value) for name, value in headers if name != "x-goog-storage-class"]


def config_from_headers(request: Request) -> dict[str, Json]:
    """Take from the headers of an XML request what they set of its object. Raises ApiError."""
    return config_from_pairs([(name, _text(value)) for name, value in request.headers])


def config_from_pairs(pairs: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """Take from headers, or from fields of a form with the same lower-case names, what they set of an object.

    Raises ApiError.
    """
    config: dict[str, Json] = {"contentType": DEFAULT_TYPE}
    config |= {_HEADERS[name]: value for name, value in reversed(pairs) if value and name in _HEADERS}
    if "storageClass" in config:
        check_storage_class(config["storageClass"])
    if "customTime" in config:
        config["customTime"] = in_utc(str(config["customTime"]))
    metadata = {name[len(META) :]: value for name, value in pairs if name.startswith(META)}
    if metadata:
        config["metadata"] = metadata
    return config


def object_config(resource: JsonObject) -> dict[str, Json]:
    """Take from a JSON request what it sets of its object; other fields are ignored. Raises ApiError."""
    return {key: value for key, value in object_change(resource).items() if value is not None}


def object_change(change: JsonObject) -> dict[str, Json]:
    """Take from a patch the fields that an owner may set, nulls too. Raises ApiError."""
    found = {key: value for key, value in change.items() if key in _FIELDS}
    if found.get("metadata") is not None:
        check_text_map(found["metadata"])
    if found.get("acl") is not None:
        found["acl"] = as_json(entries(found["acl"]))
    if found.get("storageClass") is not None:
        check_storage_class(found["storageClass"])
    if found.get("customTime") is not None:
        found["customTime"] = in_utc(str(found["customTime"]))
    until = child(found, "retention").get("retainUntilTime")
    if until is not None:
        found["retention"] = {**child(found, "retention"), "retainUntilTime": in_utc(str(until))}
    return found


def patched(old: JsonObject, change: JsonObject) -> dict[str, Json]:
    """Apply a patch to a config. A context without a value, or a retention without a mode, is removed.

    Raises ApiError.
    """
    new = merged(old, change)
    contexts = child(new, "contexts")
    custom = contexts.get("custom")
    if isinstance(custom, dict):
        new["contexts"] = {**contexts, "custom": {key: item for key, item in custom.items() if _has(item, "value")}}
    if "retention" in new and not _has(new["retention"], "mode"):
        del new["retention"]
    _check_custom_time(old, new)
    return new


def updated(old: JsonObject, new: JsonObject) -> dict[str, Json]:
    """Replace a config by that of a request; fields that no request may change are kept. Raises ApiError."""
    config = {**new, **{key: old[key] for key in _KEPT if key in old}}
    if "customTime" in old:
        config.setdefault("customTime", old["customTime"])
    _check_custom_time(old, config)
    return config


def _check_custom_time(old: JsonObject, new: JsonObject) -> None:
    """Check that the custom time of an object is not removed and does not go back. Raises ApiError."""
    before, after = old.get("customTime"), new.get("customTime")
    if before is not None and (after is None or moment(str(after)) < moment(str(before))):
        raise ApiError(INVALID, "The custom time of an object cannot be removed or set to an earlier time.")


def checked_object_name(name: str) -> str:
    """Return the name if an object may have it. Raises ApiError."""
    if not name:
        raise ApiError(REQUIRED, "Required")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = NAME_BYTES + 1
    if size > NAME_BYTES or name in (".", "..") or "\r" in name or "\n" in name:
        raise ApiError(INVALID, "The specified object name is not valid.")
    return name


def _has(item: Json, field: str) -> bool:
    return child(item).get(field) is not None


def _text(value: str) -> str:
    """Decode a header's value: as UTF-8 if it is valid UTF-8, else as Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
