"""The `filter` parameter of listings: `contexts."key"="value"` or `contexts."key":*`, negated by `-`."""

from __future__ import annotations

import re
from collections.abc import Callable

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.resources.reading import child
from infra.emulator.resources.rows import ObjectRow

_CLAUSE = re.compile(r'(-|NOT\s+)?contexts\."([^"]*)"(?:="([^"]*)"|:(\*))')


def compile_filter(text: str) -> Callable[[ObjectRow], bool]:
    """Make a function that tells whether an object passes the filter. Raises ApiError for a wrong filter."""
    match = _CLAUSE.fullmatch(text.strip())
    if match is None:
        raise ApiError(INVALID, f"Invalid value for filter: {text[:200]}")
    negated, key, value = bool(match[1]), match[2], match[3]

    def wanted(row: ObjectRow) -> bool:
        custom = child(row.config, "contexts", "custom")
        held = key in custom and (value is None or child(custom, key).get("value") == value)
        return held != negated

    return wanted
