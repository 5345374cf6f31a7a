"""Buckets in the JSON API: the fields of an answer, those that a client may set, and the rules for objects."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from infra.emulator.protocol.errors import FORBIDDEN, INVALID, INVALID_BUCKET_NAME, ApiError
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.lifecycle_rules import check_lifecycle, check_storage_class
from infra.emulator.resources.merging import check_text_map, merged
from infra.emulator.resources.reading import child, moment, timestamp
from infra.emulator.resources.retention import check_retention
from infra.emulator.resources.rights import as_json, entries
from infra.emulator.resources.rows import BucketRow
from infra.emulator.resources.soft_delete import DEFAULT_SECONDS, POLICY, settled_policy
from jobs.json_values import Json, JsonObject

_FIXED = frozenset((
    "kind", "id", "selfLink", "name", "projectNumber", "metageneration", "timeCreated", "updated", "etag", "owner",
    "generation", "locationType", "satisfiesPZS", "softDeleteTime", "hardDeleteTime",
))  # fmt: skip
MOST_RETENTION_SECONDS = 100 * 365 * 86400 + 25 * 86400  # a century
_LISTS = ("acl", "defaultObjectAcl")
_MULTI_REGIONS = ("US", "EU", "ASIA")
_DUAL_REGIONS = ("NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1")
_PART = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")  # of a name with dots
_OF_GOOGLE = re.compile(r"^goog|g[o0][o0]gle")
_LAST_CLASS = "NEARLINE"  # the last storage class of autoclass, unless the owner chooses another


def bucket_resource(row: BucketRow, base: str) -> dict[str, Json]:
    """Make the JSON API's resource of a bucket, without its access control lists; links begin with `base`."""
    config = {key: value for key, value in row.config.items() if key not in _LISTS and not key.startswith("_")}
    access: JsonObject = {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "inherited"}
    shown: dict[str, Json] = {
        "location": "US",
        "storageClass": "STANDARD",
        **config,
        "iamConfiguration": merged(access, child(config, "iamConfiguration")),
        "kind": "storage#bucket",
        "id": row.name,
        "selfLink": f"{base}/storage/v1/b/{row.name}",
        "projectNumber": "0",
        "name": row.name,
        "generation": str(row.generation),
        "metageneration": str(row.metageneration),
        "timeCreated": row.created,
        "updated": row.updated,
        "etag": row.etags[0],
    }
    shown["locationType"] = location_type(shown)
    if shown["locationType"] != "region":
        shown.setdefault("rpo", "DEFAULT")
    return shown


def location_type(config: JsonObject) -> str:
    """Tell the type of a bucket's location: `multi-region`, `dual-region` or `region`."""
    if config.get("customPlacementConfig") or config["location"] in _DUAL_REGIONS:
        return "dual-region"
    return "multi-region" if config["location"] in _MULTI_REGIONS else "region"


def bucket_change(change: JsonObject) -> dict[str, Json]:
    """Take from a request the fields that an owner may set, nulls too. Raises ApiError."""
    found = {key: value for key, value in change.items() if key not in _FIXED and not key.startswith("_")}
    for name in _LISTS:
        if found.get(name) is not None:
            found[name] = as_json(entries(found[name]))
    if found.get("labels") is not None:
        check_text_map(found["labels"])
    if found.get("storageClass") is not None:
        check_storage_class(found["storageClass"])
    if found.get("lifecycle") is not None:
        check_lifecycle(found["lifecycle"])
    location = found.get("location")
    if isinstance(location, str):
        found["location"] = location.upper()
    return found


def settled(old: JsonObject, new: JsonObject, now: datetime) -> dict[str, Json]:
    """Add to a new config what Cloud Storage adds, such as times. Raises ApiError if a change is not allowed."""
    config = dict(new)
    _settle_retention(child(old, "retentionPolicy"), config, now)
    access = config.get("iamConfiguration")
    if isinstance(access, dict):
        before = child(old, "iamConfiguration", "uniformBucketLevelAccess")
        config["iamConfiguration"] = _settled_access(before, access, now)
    auto = config.get("autoclass")
    if isinstance(auto, dict):
        config["autoclass"] = _settled_autoclass(child(old, "autoclass"), auto, now)
    encryption = config.get("encryption")
    if isinstance(encryption, dict):
        config["encryption"] = {key: _settled_restriction(value, now) for key, value in encryption.items()}
    soft = child(config, POLICY)
    if soft != child(old, POLICY):
        config[POLICY] = settled_policy(soft, now)
    return config


def new_config(asked: JsonObject, now: datetime) -> dict[str, Json]:
    """Make the config of a new bucket. Raises ApiError."""
    policy = {"retentionDurationSeconds": str(DEFAULT_SECONDS), **child(asked, POLICY)}
    return settled({}, {**asked, POLICY: policy}, now)


def for_new_object(bucket: JsonObject, config: JsonObject, now: datetime) -> JsonObject:
    """Add to the config of a new object what the config of its bucket sets for new objects. Raises ApiError."""
    added: dict[str, Json] = {}
    if "retention" in config:
        check_retention(bucket, child(config, "retention"))
    if bucket.get("defaultEventBasedHold") and "eventBasedHold" not in config:
        added["eventBasedHold"] = True
    if "storageClass" not in config and bucket.get("storageClass", "STANDARD") != "STANDARD":
        added["storageClass"] = bucket["storageClass"]
    key = child(bucket, "encryption").get("defaultKmsKeyName")
    if key and not config.keys() & {"kmsKeyName", "customerEncryption"}:
        added["kmsKeyName"] = f"{key}/cryptoKeyVersions/1"
    seconds = child(bucket, "retentionPolicy").get("retentionPeriod")
    if seconds and not (config.get("eventBasedHold") or added.get("eventBasedHold")):
        added["retentionExpirationTime"] = timestamp(now + timedelta(seconds=int(str(seconds))))
    return {**config, **added} if added else config


def check_replaceable(config: JsonObject, now: datetime) -> None:
    """Check the config of an object that is to be deleted or replaced. Raises ApiError 403 if it must stay."""
    if config.get("temporaryHold") or config.get("eventBasedHold"):
        raise ApiError(FORBIDDEN, "Object is under active hold and cannot be deleted, overwritten or archived.")
    until = config.get("retentionExpirationTime") or child(config, "retention").get("retainUntilTime")
    if until and moment(str(until)) > now:
        raise ApiError(FORBIDDEN, f"Object is subject to retention and cannot be deleted or overwritten until {until}.")


def checked_bucket_name(name: str) -> str:
    """Return the name if a bucket may have it. Raises ApiError."""
    parts = name.split(".")
    good = re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", name) and all(map(_PART.fullmatch, parts))
    if not good or _OF_GOOGLE.search(name) or (len(parts) == 4 and all(map(str.isdigit, parts))):
        raise ApiError(INVALID_BUCKET_NAME, f"Invalid bucket name: '{name[:80]}'")
    return name


def _settle_retention(old: JsonObject, config: dict[str, Json], now: datetime) -> None:
    policy = child(config, "retentionPolicy")
    period = str(policy.get("retentionPeriod", 0))
    if old.get("isLocked") and (whole_number(period) or 0) < int(str(old["retentionPeriod"])):
        raise ApiError(FORBIDDEN, "Cannot remove or reduce the retention period of a locked retention policy.")
    if "retentionPeriod" not in policy:
        config.pop("retentionPolicy", None)
        return
    if whole_number(period, MOST_RETENTION_SECONDS) is None:
        raise ApiError(INVALID, f"retentionPeriod must be a number of seconds, at most {MOST_RETENTION_SECONDS}.")
    config["retentionPolicy"] = {"effectiveTime": timestamp(now), **policy, "retentionPeriod": period}


def _settled_restriction(value: Json, now: datetime) -> Json:
    if isinstance(value, dict) and value.get("restrictionMode") == "FullyRestricted":
        return {"effectiveTime": timestamp(now), **value}
    return value


def _settled_access(before: JsonObject, access: JsonObject, now: datetime) -> JsonObject:
    if access.get("publicAccessPrevention", "inherited") not in ("inherited", "enforced", "unspecified"):
        raise ApiError(INVALID, "Invalid value for publicAccessPrevention.")
    uniform = dict(child(access, "uniformBucketLevelAccess"))
    if uniform.get("enabled"):
        in_ninety_days = timestamp(now + timedelta(days=90))
        uniform["lockedTime"] = before.get("lockedTime", in_ninety_days)
    else:
        uniform = {"enabled": False}
    return {**access, "uniformBucketLevelAccess": uniform, "bucketPolicyOnly": uniform}


def _settled_autoclass(before: JsonObject, auto: JsonObject, now: datetime) -> JsonObject:
    new = dict(auto)
    if bool(before.get("enabled")) != bool(auto.get("enabled")):
        new["toggleTime"] = timestamp(now)
    if auto.get("enabled"):
        new.setdefault("terminalStorageClass", _LAST_CLASS)
        if new["terminalStorageClass"] != before.get("terminalStorageClass"):
            new["terminalStorageClassUpdateTime"] = timestamp(now)
    return new
