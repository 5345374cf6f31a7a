"""Read JSON from a client: every function but those of times returns an empty value for another form."""

from __future__ import annotations

from datetime import UTC, datetime

from infra.emulator.protocol.errors import INVALID, ApiError
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


def moment(text: str) -> datetime:
    """Read a time as RFC 3339 writes it, and give it in UTC, which is meant if it names no zone. Raises ApiError."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ApiError(INVALID, f"Not a time: {text[:80]}") from None


def timestamp(moment: datetime) -> str:
    """Write a time of UTC as Cloud Storage does: RFC 3339 with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_utc(text: str) -> str:
    """Write a time in UTC, with a Z at its end; a time that ends so already is not changed. Raises ApiError."""
    found = moment(text)
    return text if text.endswith("Z") else found.isoformat().replace("+00:00", "Z")
