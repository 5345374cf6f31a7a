"""How a PATCH changes what is there: null removes, an object is changed key by key, anything else is put in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.emulator.protocol.errors import INVALID, ApiError


def merged(config: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with the change (RFC 7386)."""
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


def text_map(value: Any, *, nulls: bool = True) -> dict[str, Any]:
    """Metadata or labels as a client sends them. Raises ApiError where they are no object of strings."""
    allowed = (str, type(None)) if nulls else str
    if not isinstance(value, dict) or not all(isinstance(item, allowed) for item in value.values()):
        raise ApiError(INVALID, "Metadata and labels must be an object of strings.")
    return value
