"""A bucket as the JSON API shows it, what a client may set of it, and what it asks of its objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from infra.emulator.protocol.errors import FORBIDDEN, INVALID, INVALID_BUCKET_NAME, ApiError
from infra.emulator.resources.merging import merged, text_map
from infra.emulator.resources.rights import entries
from infra.emulator.resources.rows import BucketRow

_FIXED = frozenset((
    "kind", "id", "selfLink", "name", "projectNumber", "metageneration", "timeCreated", "updated", "etag", "owner",
    "generation", "locationType", "satisfiesPZS",
))  # fmt: skip
_LISTS = ("acl", "defaultObjectAcl")
_MULTI_REGIONS = ("US", "EU", "ASIA")
_DUAL_REGIONS = ("NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1")
_LAST_CLASS = "NEARLINE"  # where autoclass ends unless told otherwise


def bucket_resource(row: BucketRow, base: str) -> dict[str, Any]:
    """The JSON API's bucket, without its lists of rights."""
    config = {key: value for key, value in row.config.items() if key not in _LISTS and not key.startswith("_")}
    access = {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "inherited"}
    shown = {
        "location": "US",
        "storageClass": "STANDARD",
        **config,
        "iamConfiguration": merged(access, config.get("iamConfiguration") or {}),
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
    kind = location_type(shown)
    return {**shown, "locationType": kind, **({"rpo": "DEFAULT"} if kind != "region" and "rpo" not in shown else {})}


def location_type(config: Mapping[str, Any]) -> str:
    """`multi-region`, `dual-region` or `region`."""
    if config.get("customPlacementConfig") or config["location"] in _DUAL_REGIONS:
        return "dual-region"
    return "multi-region" if config["location"] in _MULTI_REGIONS else "region"


def bucket_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a request that an owner may set, nulls kept. Raises ApiError."""
    found = {key: value for key, value in change.items() if key not in _FIXED and not key.startswith("_")}
    for name in _LISTS:
        if found.get(name) is not None:
            found[name] = entries(found[name])
    if found.get("labels") is not None:
        text_map(found["labels"])
    if isinstance(found.get("location"), str):
        found["location"] = found["location"].upper()
    return found


def settled(old: Mapping[str, Any], new: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The config to keep: `new` with what the service adds to a change. Raises ApiError for what may not change."""
    config = dict(new)
    _settle_retention(old.get("retentionPolicy"), config, now)
    access = config.get("iamConfiguration")
    if isinstance(access, dict):
        before = (old.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
        config["iamConfiguration"] = _settled_access(before, access, now)
    auto = config.get("autoclass")
    if isinstance(auto, dict):
        config["autoclass"] = _settled_autoclass(old.get("autoclass") or {}, auto, now)
    encryption = config.get("encryption")
    if isinstance(encryption, dict):
        config["encryption"] = {
            key: {"effectiveTime": _text(now), **value} if _restricts(value) else value
            for key, value in encryption.items()
        }
    soft = config.get("softDeletePolicy")
    if isinstance(soft, dict) and "effectiveTime" not in soft:
        config["softDeletePolicy"] = {**soft, "effectiveTime": _text(now)}
    return config


def for_new_object(bucket: Mapping[str, Any], config: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """An object's config with what its bucket gives to new ones."""
    added: dict[str, Any] = {}
    if bucket.get("defaultEventBasedHold") and "eventBasedHold" not in config:
        added["eventBasedHold"] = True
    if "storageClass" not in config and bucket.get("storageClass", "STANDARD") != "STANDARD":
        added["storageClass"] = bucket["storageClass"]
    key = (bucket.get("encryption") or {}).get("defaultKmsKeyName")
    if key and not config.keys() & {"kmsKeyName", "customerEncryption"}:
        added["kmsKeyName"] = f"{key}/cryptoKeyVersions/1"
    seconds = (bucket.get("retentionPolicy") or {}).get("retentionPeriod")
    if seconds and not (config.get("eventBasedHold") or added.get("eventBasedHold")):
        added["retentionExpirationTime"] = _text(now + timedelta(seconds=int(seconds)))
    return {**config, **added} if added else config


def check_replaceable(config: Mapping[str, Any], now: datetime) -> None:
    """Raises ApiError 403 where an object must not be deleted or overwritten now."""
    if config.get("temporaryHold") or config.get("eventBasedHold"):
        raise ApiError(FORBIDDEN, "Object is under active hold and cannot be deleted, overwritten or archived.")
    until = config.get("retentionExpirationTime") or (config.get("retention") or {}).get("retainUntilTime")
    if until and _moment(until) > now:
        raise ApiError(FORBIDDEN, f"Object is subject to retention and cannot be deleted or overwritten until {until}.")


def checked_bucket_name(name: str) -> str:
    """The name, if a bucket may have it. Raises ApiError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", name):
        raise ApiError(INVALID_BUCKET_NAME, f"Invalid bucket name: '{name[:80]}'")
    return name


def _settle_retention(old: Any, config: dict[str, Any], now: datetime) -> None:
    policy = config.get("retentionPolicy")
    if isinstance(old, dict) and old.get("isLocked"):
        shorter = not isinstance(policy, dict) or int(policy.get("retentionPeriod", 0)) < int(old["retentionPeriod"])
        if shorter:
            raise ApiError(FORBIDDEN, "Cannot remove or reduce the retention period of a locked retention policy.")
    if not isinstance(policy, dict) or "retentionPeriod" not in policy:
        config.pop("retentionPolicy", None)
        return
    period = str(policy["retentionPeriod"])
    if not period.isdigit():
        raise ApiError(INVALID, "retentionPeriod must be a number of seconds.")
    config["retentionPolicy"] = {"effectiveTime": _text(now), **policy, "retentionPeriod": period}


def _restricts(value: Any) -> bool:
    return isinstance(value, dict) and value.get("restrictionMode") == "FullyRestricted"


def _settled_access(before: Mapping[str, Any], access: dict[str, Any], now: datetime) -> dict[str, Any]:
    if access.get("publicAccessPrevention", "inherited") not in ("inherited", "enforced", "unspecified"):
        raise ApiError(INVALID, "Invalid value for publicAccessPrevention.")
    uniform = dict(access.get("uniformBucketLevelAccess") or {})
    if uniform.get("enabled"):
        in_ninety_days = _text(now + timedelta(days=90))
        uniform["lockedTime"] = before.get("lockedTime", in_ninety_days)
    else:
        uniform = {"enabled": False}
    return {**access, "uniformBucketLevelAccess": uniform, "bucketPolicyOnly": uniform}


def _settled_autoclass(before: Mapping[str, Any], auto: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    new = dict(auto)
    if bool(before.get("enabled")) != bool(auto.get("enabled")):
        new["toggleTime"] = _text(now)
    if auto.get("enabled"):
        new.setdefault("terminalStorageClass", _LAST_CLASS)
        if new["terminalStorageClass"] != before.get("terminalStorageClass"):
            new["terminalStorageClassUpdateTime"] = _text(now)
    return new


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(INVALID, f"Not a time: {text[:80]}") from None
