"""Soft delete: how long a bucket keeps what is deleted in it, and the times that deleted things show."""

from __future__ import annotations

from datetime import datetime, timedelta

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.reading import child, timestamp
from jobs.json_values import Json, JsonObject

POLICY = "softDeletePolicy"
DEFAULT_SECONDS = 7 * 86400
_LEAST, _MOST = 7 * 86400, 90 * 86400
_SECONDS = "retentionDurationSeconds"
_TIMES = ("softDeleteTime", "hardDeleteTime")


def settled_policy(asked: JsonObject, now: datetime) -> JsonObject:
    """Return the policy that a bucket gets when its owner asks for one. Raises ApiError."""
    text = str(asked.get(_SECONDS, DEFAULT_SECONDS))
    seconds = whole_number(text, _MOST)
    if seconds is None or 0 < seconds < _LEAST:
        raise ApiError(INVALID, f"{_SECONDS} must be 0, or from {_LEAST} to {_MOST}.")
    return {_SECONDS: text, "effectiveTime": timestamp(now)}


def seconds_kept(config: JsonObject) -> int:
    """Return for how long a bucket keeps what is deleted; 0 if it does not."""
    return whole_number(str(child(config, POLICY).get(_SECONDS, 0))) or 0


def marked(config: JsonObject, now: datetime, seconds: int) -> dict[str, Json]:
    """Add to a config when it was deleted, and when it will be gone."""
    return {**config, "softDeleteTime": timestamp(now), "hardDeleteTime": timestamp(now + timedelta(seconds=seconds))}


def unmarked(config: JsonObject) -> dict[str, Json]:
    """Remove what `marked` has added, and the time at which a version became noncurrent."""
    return {key: value for key, value in config.items() if key not in (*_TIMES, "timeDeleted")}
