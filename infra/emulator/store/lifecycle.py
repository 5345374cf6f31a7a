"""Lifecycle rules of buckets, swept when asked for: objects that a rule says to delete are deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.emulator.protocol.errors import ApiError
from infra.emulator.resources.preconditions import Preconditions
from infra.emulator.resources.rows import ObjectRow, Target
from infra.emulator.store.store import Store

_PAGE = 1000  # objects read at once


def sweep(store: Store, now: datetime) -> int:
    """Delete what the rules of all buckets say is due at that moment; how many objects that were."""
    deleted = 0
    for bucket in store.index.buckets():
        rules = [rule for rule in _rules(bucket.config) if _deletes(rule)]
        for row in _objects(store, bucket.name) if rules else ():
            if any(_due(row, rule["condition"], now) for rule in rules):
                deleted += _delete(store, row)
    return deleted


def _rules(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lifecycle = config.get("lifecycle")
    rules = lifecycle.get("rule") if isinstance(lifecycle, dict) else None
    return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []


def _deletes(rule: Mapping[str, Any]) -> bool:
    """Whether it is understood whole. A rule with a condition that is not known here deletes nothing."""
    action, condition = rule.get("action"), rule.get("condition")
    if not (isinstance(action, dict) and action.get("type") == "Delete" and isinstance(condition, dict)):
        return False
    return bool(condition) and condition.keys() <= _CONDITIONS.keys()


def _due(row: ObjectRow, condition: Mapping[str, Any], now: datetime) -> bool:
    try:
        return all(_CONDITIONS[name](row, wanted, now) for name, wanted in condition.items())
    except (TypeError, ValueError):
        return False  # a value that says nothing


def _aged(row: ObjectRow, days: int, now: datetime) -> bool:
    return now - datetime.fromisoformat(row.created) >= timedelta(days=days)


def _created_before(row: ObjectRow, date: str, now: datetime) -> bool:
    """The rule holds from midnight UTC of that date on, for what was made before."""
    return datetime.fromisoformat(row.created) < datetime.fromisoformat(date).replace(tzinfo=UTC)


def _lives(row: ObjectRow) -> bool:
    return "timeDeleted" not in row.config


_CONDITIONS: Mapping[str, Callable[[ObjectRow, Any, datetime], bool]] = {
    "age": _aged,
    "createdBefore": _created_before,
    "matchesPrefix": lambda row, prefixes, now: row.name.startswith(tuple(prefixes)),
    "matchesSuffix": lambda row, suffixes, now: row.name.endswith(tuple(suffixes)),
    "isLive": lambda row, live, now: bool(live) == _lives(row),
}


def _objects(store: Store, bucket: str) -> Iterator[ObjectRow]:
    """Live ones and, in a bucket with versions, those that are not."""
    start = ("", 0)
    while rows := store.index.versions_from(bucket, start, _PAGE):
        yield from rows
        start = (rows[-1].name, rows[-1].generation)


def _delete(store: Store, row: ObjectRow) -> bool:
    target = Target(row.bucket, row.name, None if _lives(row) else row.generation)
    try:
        store.delete(target, Preconditions(generation=row.generation))
    except ApiError:
        return False  # replaced or deleted meanwhile, or held
    return True
