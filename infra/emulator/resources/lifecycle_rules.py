"""The rules of a bucket's lifecycle, checked when an owner sets them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from infra.emulator.protocol.errors import INVALID, ApiError
from infra.emulator.protocol.numbers import whole_number
from infra.emulator.resources.reading import child
from jobs.json_values import Json

MAX_RULES = 100
STORAGE_CLASSES = frozenset((
    "STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "RAPID", "MULTI_REGIONAL", "REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
))  # fmt: skip
_ABORT = "AbortIncompleteMultipartUpload"
_ACTIONS = frozenset(("Delete", "SetStorageClass", _ABORT))
_OF_UPLOADS = frozenset(("age", "matchesPrefix", "matchesSuffix"))  # conditions that unfinished uploads can meet


def check_storage_class(value: Json) -> None:
    """Check a storage class that a client sets. Raises ApiError."""
    if not isinstance(value, str) or value not in STORAGE_CLASSES:
        raise ApiError(INVALID, f"Invalid storage class: {str(value)[:80]}")


def check_lifecycle(value: Json) -> None:
    """Check the lifecycle that a client sets. Raises ApiError."""
    rules = child(value).get("rule", [])
    if not isinstance(value, dict) or not value.keys() <= {"rule"} or not isinstance(rules, list):
        raise ApiError(INVALID, "A lifecycle must be an object with a list of rules.")
    if len(rules) > MAX_RULES:
        raise ApiError(INVALID, f"A lifecycle has at most {MAX_RULES} rules.")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: Json) -> None:
    action, conditions = child(rule, "action"), child(rule, "condition")
    kind = action.get("type")
    if not isinstance(kind, str) or kind not in _ACTIONS:
        raise ApiError(INVALID, f"Unknown lifecycle action: {str(kind)[:80]}")
    if not conditions:
        raise ApiError(INVALID, "A lifecycle rule must have a condition.")
    for name, value in conditions.items():
        if name not in _CONDITIONS or not _CONDITIONS[name](value):
            raise ApiError(INVALID, f"Invalid lifecycle condition: {name[:80]}")
    if kind == "SetStorageClass":
        check_storage_class(action.get("storageClass"))
    if kind == _ABORT and not conditions.keys() <= _OF_UPLOADS:
        raise ApiError(INVALID, f"{_ABORT} has only the conditions {', '.join(sorted(_OF_UPLOADS))}.")


def _is_count(value: Json) -> bool:
    return not isinstance(value, (bool, float)) and whole_number(str(value)) is not None


def _is_date(value: Json) -> bool:
    return (
        isinstance(value, str) and re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", value) is not None
    )


def _are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_CONDITIONS: Mapping[str, Callable[[Json], bool]] = {
    "age": _is_count,
    "createdBefore": _is_date,
    "customTimeBefore": _is_date,
    "daysSinceCustomTime": _is_count,
    "daysSinceNoncurrentTime": _is_count,
    "isLive": lambda value: isinstance(value, bool),
    "matchesPrefix": _are_texts,
    "matchesStorageClass": lambda value: _are_texts(value) and STORAGE_CLASSES.issuperset(value),  # type: ignore[arg-type]
    "matchesSuffix": _are_texts,
    "noncurrentTimeBefore": _is_date,
    "numNewerVersions": _is_count,
}
