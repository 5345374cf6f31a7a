"""Retention of single objects: until when an object may not be deleted, and who may change that."""

from __future__ import annotations

from datetime import datetime

from infra.emulator.protocol.errors import FORBIDDEN, INVALID, ApiError
from infra.emulator.resources.reading import child, moment
from jobs.json_values import JsonObject

_MODES = ("Unlocked", "Locked")


def check_retention(bucket: JsonObject, new: JsonObject) -> None:
    """Check a retention against the config of its bucket. Raises ApiError 400."""
    if child(bucket, "objectRetention").get("mode") != "Enabled":
        raise ApiError(INVALID, "The bucket was made without object retention.")
    if new.get("mode") not in _MODES:
        raise ApiError(INVALID, "The mode of a retention must be Unlocked or Locked.")
    _moment(new)


def with_retention(bucket: JsonObject, old: JsonObject, new: JsonObject, override: bool) -> JsonObject:
    """Return the new config of an object, once its retention is checked against the old one.

    `override`: the caller says that an unlocked retention may be shortened, locked or removed.
    Raises ApiError: 400 if the bucket or the values do not allow any retention, 403 if this change is not allowed.
    """
    before, after = child(old, "retention"), child(new, "retention")
    if before == after:
        return new
    if after:
        check_retention(bucket, after)
    until, was = _moment(after), _moment(before)
    shortened = was is not None and (until is None or until < was)
    if before.get("mode") == "Locked" and (shortened or after.get("mode") != "Locked"):
        raise ApiError(FORBIDDEN, "A locked retention can only be prolonged.")
    locks = bool(before) and after.get("mode") == "Locked" and before.get("mode") != "Locked"
    if (shortened or locks) and not override:
        raise ApiError(FORBIDDEN, "An unlocked retention is shortened, locked or removed only on demand.")
    return new


def _moment(retention: JsonObject) -> datetime | None:
    return moment(str(retention.get("retainUntilTime"))) if retention else None
