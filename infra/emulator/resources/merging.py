"""Merge a PATCH into a resource: null removes a field, an object is merged, any other value replaces the old one."""

from __future__ import annotations

from infra.emulator.protocol.errors import INVALID, ApiError
from jobs.json_values import Json, JsonObject


def merged(config: JsonObject, change: JsonObject) -> dict[str, Json]:
    """Apply the change to `config` as RFC 7386 says; the result is a new object."""
    new = dict(config)
    for key, value in change.items():
        if value is None:
            new.pop(key, None)
        elif isinstance(value, dict):
            old = new.get(key)
            new[key] = merged(old if isinstance(old, dict) else {}, value)
        else:
            new[key] = value
    return new


def check_text_map(value: Json) -> None:
    """Check metadata or labels of a client. Raises ApiError if they are no object of strings and nulls."""
    if not isinstance(value, dict) or not all(item is None or isinstance(item, str) for item in value.values()):
        raise ApiError(INVALID, "Metadata and labels must be an object of strings.")
