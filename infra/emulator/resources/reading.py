"""Read JSON from a client: every function returns an empty value where the JSON has another form."""

from __future__ import annotations

from jobs.json_values import Json, JsonObject


def child(value: Json, *names: str) -> JsonObject:
    """Follow the names from object to object; {} if there is no object at the end."""
    found = value
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def objects_in(value: Json) -> list[JsonObject]:
    """Get the objects of a list; [] if the value is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts_in(value: Json) -> tuple[str, ...]:
    """Get the strings of a list; a single string counts as a list of one."""
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def whole(value: Json) -> int | None:
    """Return a whole number; None if the value is no whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
