"""The listing's `filter` over objects' contexts: `contexts."key"="value"`, `contexts."key":*`, negated by `-`."""

from __future__ import annotations

import re
from collections.abc import Callable

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.resources.rows import ObjectRow

_CLAUSE = re.compile(r'(-|NOT\s+)?contexts\."([^"]*)"(?:="([^"]*)"|:(\*))')


def compile_filter(text: str) -> Callable[[ObjectRow], bool]:
    """Whether an object is wanted. Raises ApiError for what is no filter."""
    match = _CLAUSE.fullmatch(text.strip())
    if match is None:
        raise ApiError(INVALID, f"Invalid value for filter: {text[:200]}")
    negated, key, value = bool(match[1]), match[2], match[3]

    def wanted(row: ObjectRow) -> bool:
        custom = (row.config.get("contexts") or {}).get("custom") or {}
        held = key in custom and (value is None or (custom[key] or {}).get("value") == value)
        return held != negated

    return wanted
